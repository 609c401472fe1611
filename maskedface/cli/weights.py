"""`maskedface weights`: convert weight files, inspect one, or list the known presets."""

from __future__ import annotations

import argparse
from collections import Counter
from typing import Any

from maskedface.cli.tables import print_table

_SOURCES = ".pkl, .pth, .pt, .ckpt, .safetensors, .onnx or .h5"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to a parser."""
    commands = parser.add_subparsers(dest="weights_command", required=True)
    convert_parser = commands.add_parser("convert", help="convert a file to .weights.h5")
    convert_parser.add_argument("source", metavar="SRC", help=f"{_SOURCES} file")
    convert_parser.add_argument(
        "--out", required=True, metavar="FILE", help="<name>.weights.h5; <name>.json goes beside it"
    )
    convert_parser.add_argument(
        "--variant",
        choices=("ft", "scratch", "unknown"),
        default="unknown",
        help="the variant of an unknown file; known files are recognized by their sha256",
    )
    convert_parser.add_argument(
        "--verbose", action="store_true", help="print the destination of every tensor"
    )
    inspect_parser = commands.add_parser(
        "inspect", help="load a file and recompute its probe embedding"
    )
    inspect_parser.add_argument("file", metavar="FILE", help=f".weights.h5, .dat, {_SOURCES} file")
    for one in (convert_parser, inspect_parser):
        one.add_argument(
            "--network",
            metavar="NAME",
            help="the network in maskedface.models, such as ResNet50; default: detected from the "
            "file's names",
        )
    list_parser = commands.add_parser("list", help="list the presets, or show one in detail")
    list_parser.add_argument(
        "preset", nargs="?", metavar="PRESET", help="the preset to show; default: a table of all"
    )


def run(args: argparse.Namespace) -> int:
    """Runs the command. Returns 0, or 1 if `inspect` finds a probe that differs from the
    sidecar's."""
    if args.weights_command == "list":
        return _show(args.preset) if args.preset else _list()
    return _convert(args) if args.weights_command == "convert" else _inspect(args)


def _convert(args: argparse.Namespace) -> int:
    from maskedface.conversion.weights_h5 import sidecar_path
    from maskedface.models.converting import convert_weights

    facts = convert_weights(args.source, args.out, network=args.network, variant=args.variant)
    _print_facts(facts)
    mapped = [f"  {source} -> {path}" for source, path in facts["mapped"].items()]
    stages = Counter(path.split("_")[0] for path in facts["mapped"].values())
    print(f"mapped: {len(mapped)} tensors:", ", ".join(f"{n} {s}" for s, n in stages.items()))
    print("\n".join(mapped if args.verbose else mapped[:1]))
    counters = [name for name in facts["left_over"] if name.endswith(".num_batches_tracked")]
    names = [name for name in facts["left_over"] if name not in counters]
    names += [f"{len(counters)} num_batches_tracked"] if counters else []
    print(f"not used: {', '.join(names) or 'none'}")
    print(f"built as: models.{facts['architecture']}, aligned to {facts['aligned_to']!r}")
    print(f"wrote: {args.out} and {sidecar_path(args.out)}")
    return 0


def _inspect(args: argparse.Namespace) -> int:
    from maskedface.models.converting import inspect_weights

    found = inspect_weights(args.file, network=args.network)
    _print_facts(found.facts)
    print("probe:", " ".join(f"{value:.5g}" for value in found.embedding[:6]), "...")
    if found.difference is None:
        print("probe in the sidecar: none")
        return 0
    same = "the same" if found.is_same else "ANOTHER"
    print(f"probe in the sidecar: {same} ({found.difference:.1e} apart)")
    return 0 if found.is_same else 1


def _print_facts(facts: dict[str, Any]) -> None:
    print(f"source: {facts['source']['name']}, {facts['source']['size']:,} bytes")
    print(f"sha256: {facts['source']['sha256']}")
    print(f"known: {'true' if facts['known'] else 'false'}")
    for name in (
        *("variant", "training_set", "alignment", "layout", "channels", "scaling", "precision"),
        *("license", "origin", "unverified"),
    ):
        print(f"{name.replace('_', ' ')}: {facts.get(name, 'unknown')}")
    if "probed" in facts:
        print(f"folded by the exporter: {len(facts['folded'])} batch norms")
        print(f"probed against the file: {facts['probed']}")
    if facts.get("precision", "float32") != "float32":
        print(f"  its {facts['precision']} values are exact in float32, but were rounded before")


def _list() -> int:
    from maskedface.conversion import cache
    from maskedface.models import PRESETS

    rows = [
        (
            *(preset.name, preset.architecture, preset.alignment, preset.license),
            f"{preset.files[0].size / 1e6:.1f} MB" if preset.files[0].size else "unknown",
            "yes" if preset.find() else "no",
        )
        for preset in PRESETS.values()
    ]
    columns = ("preset", "architecture", "alignment", "license", "size", "here")
    # So it fits into 80 columns.
    print_table(columns, rows, box=None, pad_edge=False, padding=(0, 1))
    print("details of one: maskedface weights list PRESET")
    print("searched folders:", ", ".join(cache.folders()))
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
        "training set": preset.training_set,
        "alignment": f"{preset.alignment}, at {preset.input_size} px",
        "channels": f"{preset.channels}; the file's own: {preset.file_channels}",
        "the file's own input": preset.file_scaling,
        "input range": "{:g} to {:g}".format(*preset.input_range),
        "license": f"{preset.license}, {preset.license_note}",
        "origin": preset.origin,
        "unverified": preset.unverified or "nothing",
        "convert": preset.convert_command,
        "here": preset.find() or "no",
        "searched folders": ", ".join(cache.folders()),
    }
    print("\n".join(f"{fact}: {told}" for fact, told in facts.items() if told))
    return 0
