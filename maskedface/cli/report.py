"""Write an HTML report about finished runs: tables, figures, confused faces, recipes, provenance.

Each RUN is a finished run's folder or a folder of runs: one per seed (seed-0/, seed-1/ ...),
recipes that build on each other, or several independent runs. Give all runs that the page should
show. Of a search folder the best trial is shown; runs that came from a search show the search too.
The page needs no network access and no scripts, and shows faces and names unless --no-faces is
given.

  maskedface report runs/demo --out report.html
  maskedface report runs/best --out report.html            (and the search beside it that found best.json)
  maskedface report runs/frozen runs/cosine --out report.html --no-faces
"""

from __future__ import annotations

import argparse
import os


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to a parser."""
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help="run folders, folders of runs, searches"
    )
    group = parser.add_argument_group("page")
    group.add_argument("--out", default="report.html", metavar="FILE", help="the page to write")
    group.add_argument(
        "--no-faces", action="store_true", help="leave out faces, names and this machine's paths"
    )
    group.add_argument("--title", default="Masked faces, recognized", help="the page's title")


def run(args: argparse.Namespace) -> int:
    """Runs the command; see `maskedface report --help`."""
    from maskedface.reporting import find_groups

    groups = [group for path in args.runs for group in find_groups(path)]
    # Plotting takes seconds to import: invalid arguments are reported before that.
    from maskedface.reporting import write_report

    write_report(groups, args.out, faces=not args.no_faces, title=args.title)
    size = os.path.getsize(args.out) / 1e6
    print(f"{args.out}: {size:.1f} MB, {', '.join(group.label for group in groups)}")
    if not args.no_faces:
        print(
            "it shows faces: share it only with people who may see them (--no-faces leaves them "
            "out)"
        )
    return 0
