"""Write one HTML page about finished runs: tables, figures, confused faces, recipes, provenance.

Each RUN is a run folder, one of several seeds, or a folder of such; give all that should stand beside each
other. The page needs no network and no script. It shows faces and names unless --no-faces is given.

  maskedface report runs/demo --out report.html
  maskedface report runs/frozen runs/cosine --out report.html --no-faces
"""

from __future__ import annotations

import argparse
import os


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's words to a parser."""
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--out", default="report.html", metavar="FILE", help="the page to write")
    parser.add_argument(
        "--no-faces", action="store_true", help="leave out faces, names and this machine's paths"
    )
    parser.add_argument("--title", default="Masked faces, recognized")


def run(args: argparse.Namespace) -> int:
    """Runs the command; see `maskedface report --help`."""
    from maskedface.reporting import find_groups

    groups = [group for path in args.runs for group in find_groups(path)]
    # What draws takes seconds to import: wrong words end before it.
    from maskedface.reporting import write_report

    write_report(groups, args.out, faces=not args.no_faces, title=args.title)
    size = os.path.getsize(args.out) / 1e6
    print(f"{args.out}: {size:.1f} MB, {', '.join(group.label for group in groups)}")
    if not args.no_faces:
        print("it shows faces: give it to nobody who may not see them (--no-faces leaves them out)")
    return 0
