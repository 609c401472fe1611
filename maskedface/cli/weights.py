"""`maskedface weights`: converts files of weights, says what one is, lists the known ones."""

from __future__ import annotations

import argparse
from collections import Counter
from typing import Any

from maskedface.cli.tables import print_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's words to a parser."""
    commands = parser.add_subparsers(dest="weights_command", required=True)
    convert_parser = commands.add_parser("convert", help="write a file in our own format")
    convert_parser.add_argument("source", metavar="SRC", help=".pkl, .pth or .h5 file")
    convert_parser.add_argument(
        "--out", required=True, metavar="FILE", help="<name>.weights.h5; <name>.json goes beside it"
    )
    convert_parser.add_argument(
        "--variant",
        choices=("ft", "scratch", "unknown"),
        default="unknown",
        help="what you know an unknown file to be; a known file's sha256 decides",
    )
    convert_parser.add_argument(
        "--verbose", action="store_true", help="print where every tensor went"
    )
    inspect_parser = commands.add_parser("inspect", help="load a file and recompute its probe")
    inspect_parser.add_argument("file", metavar="FILE", help=".weights.h5, .pkl, .pth or .h5 file")
    list_parser = commands.add_parser("list", help="print the presets, or all that is known of one")
    list_parser.add_argument(
        "preset", nargs="?", metavar="PRESET", help="by default a table of all"
    )


def run(args: argparse.Namespace) -> int:
    """Runs the command: 0, or 1 where `inspect` finds another probe than the sidecar's."""
    if args.weights_command == "list":
        return _show(args.preset) if args.preset else _list()
    return _convert(args) if args.weights_command == "convert" else _inspect(args.file)


def _convert(args: argparse.Namespace) -> int:
    from maskedface import models
    from maskedface.conversion.weights_h5 import sidecar_path
    from maskedface.models.converting import convert_weights

    backbone = models.ResNet50(weights=None)
    facts = convert_weights(backbone, args.source, args.out, variant=args.variant)
    _print_facts(facts)
    mapped = [f"  {source} -> {path}" for source, path in facts["mapped"].items()]
    stages = Counter(path.split("_")[0] for path in facts["mapped"].values())
    print(f"mapped: {len(mapped)} tensors:", ", ".join(f"{n} {s}" for s, n in stages.items()))
    print("\n".join(mapped if args.verbose else mapped[:1]))
    print(f"not used: {', '.join(facts['left_over']) or 'none'}")
    print(f"wrote: {args.out} and {sidecar_path(args.out)}")
    return 0


def _inspect(path: str) -> int:
    from maskedface import models
    from maskedface.conversion import probe
    from maskedface.models import weights

    backbone = models.ResNet50(weights=None)
    facts = weights.load(backbone, path)
    _print_facts(facts)
    embedding = probe.embedding(backbone)
    print("probe:", " ".join(f"{value:.5g}" for value in embedding[:6]), "...")
    if "probe" not in facts:
        print("probe in the sidecar: none")
        return 0
    difference = probe.difference(facts["probe"]["embedding"], embedding)
    same = difference < probe.TOLERANCE
    print(f"probe in the sidecar: {'the same' if same else 'ANOTHER'} ({difference:.1e} apart)")
    return 0 if same else 1


def _print_facts(facts: dict[str, Any]) -> None:
    print(f"source: {facts['source']['name']}, {facts['source']['size']:,} bytes")
    print(f"sha256: {facts['source']['sha256']}")
    print(f"known: {'true' if facts['known'] else 'false'}")
    for name in ("variant", "alignment", "layout", "channels", "license", "origin", "unverified"):
        print(f"{name}: {facts.get(name, 'unknown')}")


def _list() -> int:
    from maskedface.conversion import cache
    from maskedface.models import PRESETS

    rows = [
        (
            *(preset.name, preset.architecture, preset.alignment, preset.license),
            "known" if preset.files[0].sha256 else "unknown",
            f"{preset.files[0].size / 1e6:.1f} MB" if preset.files[0].size else "unknown",
            "yes" if preset.find() else "no",
        )
        for preset in PRESETS.values()
    ]
    columns = ("preset", "architecture", "alignment", "license", "sha256", "size", "here")
    # So it fits into 80 columns.
    print_table(columns, rows, box=None, pad_edge=False, padding=(0, 1))
    print("all that is known of one: maskedface weights list PRESET")
    print("looked for in:", ", ".join(cache.folders()))
    return 0


def _show(name: str) -> int:
    from maskedface.conversion import cache
    from maskedface.models import PRESETS
    from maskedface.names import did_you_mean

    if name not in PRESETS:
        hint = did_you_mean(name, PRESETS)
        raise ValueError(f"PRESET must be one of {[*PRESETS]}. Received: {name!r}{hint}")
    preset = PRESETS[name]
    print(f"{name}, for models.{preset.architecture}")
    for file in preset.files:
        size = f"{file.size:,} bytes" if file.size else "size unknown"
        print(f"file: {file.name}, {size}, sha256 {file.sha256 or 'unknown'}")
        if file.url:
            print(f"  download: {file.url}")
    facts = {
        "variant": preset.variant,
        "alignment": f"{preset.alignment}, at {preset.input_size} px",
        "channels": f"{preset.channels}; the file's own: {preset.file_channels}",
        "input range": "{:g} to {:g}".format(*preset.input_range),
        "license": f"{preset.license}, {preset.license_note}",
        "origin": preset.origin,
        "unverified": preset.unverified or "nothing",
        "convert": preset.convert_command,
        "here": preset.find() or "no",
        "looked for in": ", ".join(cache.folders()),
    }
    print("\n".join(f"{fact}: {told}" for fact, told in facts.items() if told))
    return 0
