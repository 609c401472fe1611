"""List a gallery, copy it, or maintain the database that stores it.

  maskedface gallery list --gallery friends.npz                      (people and numbers of faces)
  maskedface gallery copy --gallery friends.npz --to postgresql://ada@db.example/faces?gallery=friends
  maskedface gallery history --gallery postgresql://...              (who changed what, and when)
  maskedface gallery index --gallery postgresql://... --kind hnsw    (for 100,000 or more people)
  maskedface gallery compact --gallery postgresql://...              (purge deleted data)

A gallery is a file that `maskedface enroll` writes; a .sqlite, .sqlite3 or .db file, for several
processes on one machine; or postgresql://[USER@]HOST[:PORT]/DATABASE[?gallery=NAME]. Put passwords
in PGPASSWORD or ~/.pgpass. People are enrolled, removed and identified in the same way in each.
Exit codes: 0 success; 2 a user error.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from maskedface.cli.outputs import check_inputs, check_outputs
from maskedface.cli.tables import print_table
from maskedface.cli.values import add_count, add_wait
from maskedface.names import shown
from maskedface.recognition.stores.address import is_one, is_server, local_file, shown_address

if TYPE_CHECKING:
    from maskedface.recognition.stores.store import GalleryStore

_ACTIONS = ("list", "copy", "history", "index", "compact")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to a parser."""
    parser.add_argument("action", choices=_ACTIONS, metavar="|".join(_ACTIONS))
    group = parser.add_argument_group("gallery")
    group.add_argument("--gallery", required=True, metavar="FILE|ADDRESS")
    group.add_argument(
        "--to", metavar="FILE|ADDRESS", help="copy: the new gallery, which must not exist yet"
    )
    group.add_argument(
        "--kind",
        choices=("hnsw", "exact"),
        help="index: hnsw, an approximate nearest neighbor graph that searches a million people in "
        "milliseconds; or exact, no index: a probe is compared with everybody",
    )
    add_count(group, "--count", "history: how many changes to show", 100)
    group.add_argument("--json", metavar="FILE", help="list, history: write the results to FILE")
    add_wait(group, 60.0)


def run(args: argparse.Namespace) -> int:
    """Runs the command; see `maskedface gallery --help`."""
    _check_words(args)
    check_inputs(local_file(args.gallery))
    check_outputs(args.json, local_file(args.to), inputs=[local_file(args.gallery)])
    from maskedface.recognition import open_store

    with open_store(args.gallery) as store:
        {
            "list": _list,
            "copy": _copy,
            "history": _history,
            "index": _index,
            "compact": _compact,
        }[args.action](args, store)
    return 0


def _check_words(args: argparse.Namespace) -> None:
    for word, action in (("to", "copy"), ("kind", "index")):
        if (getattr(args, word) is not None) != (args.action == action):
            raise ValueError(
                f"--{word} must come with {action}, and {action} with it. Received: {args.action}"
            )
    if args.json and args.action not in ("list", "history"):
        raise ValueError(f"--json must come with list or history. Received: {args.action}")
    if args.action == "index" and not is_server(args.gallery):
        raise ValueError(
            f"--gallery must be postgresql://... to be indexed. Received: "
            f"{shown_address(args.gallery)!r}"
        )
    if args.to and is_one(args.to, args.gallery):
        raise ValueError(
            f"--to must be another gallery than --gallery. Received: {shown_address(args.to)!r} for both"
        )


def _list(args: argparse.Namespace, store: GalleryStore) -> None:
    from maskedface.atomic_file import write_json

    gallery = store.gallery()
    people = gallery.people
    if args.json:
        made = gallery.calibration
        facts = {"gallery": store.shown, "people": people, "calibration": made and made.to_dict()}
        write_json(args.json, facts)
    print_table(("person", "faces"), people.items())
    model = f"model {shown(gallery.source)}, " if gallery.source else ""
    print(f"{len(people)} people enrolled; {model}fingerprint {gallery.fingerprint[:16]}")


def _copy(args: argparse.Namespace, store: GalleryStore) -> None:
    from maskedface.recognition import open_store

    with open_store(args.to) as target:
        if target.exists():
            raise ValueError(f"--to must not be an existing gallery. Received: {target.shown!r}")
        source = store.gallery()
        with target.changing(wait=args.wait, new=source) as made:
            count = len(made)
        print(f"copied: {count} people to {shown(target.shown)}")


def _history(args: argparse.Namespace, store: GalleryStore) -> None:
    from maskedface.atomic_file import write_json

    changes = store.history(args.count)
    if args.json:
        facts = [change.to_dict() for change in changes]
        write_json(args.json, {"gallery": store.shown, "changes": facts})
    rows = [
        (one.at, one.who, one.what, one.person, "" if one.number is None else one.number, one.faces)
        for one in changes
    ]
    print_table(("when", "who", "what", "person", "number", "faces"), rows)
    if not rows:
        print("no history: only galleries in databases keep one")


def _index(args: argparse.Namespace, store: GalleryStore) -> None:
    from maskedface.recognition.stores.postgres import PostgresStore

    assert isinstance(store, PostgresStore)
    store.index(args.kind)
    print(f"index: {args.kind}")


def _compact(args: argparse.Namespace, store: GalleryStore) -> None:
    store.compact()
    print("compacted: deleted data is purged from the gallery's files")
