"""`maskedface weights`: converts files of weights, says what one is, lists the known ones."""

from __future__ import annotations

import argparse
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

    from maskedface.models.preset import Preset
    from maskedface.models.weights import Source

HELP = "Convert another program's file of weights, inspect a file, list known ones."

SOURCES = ".pkl, .pth, .pt, .ckpt, .safetensors, .onnx or .h5"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this command's arguments.

    Args:
        parser: the command's parser, changed in place.
    """
    commands = parser.add_subparsers(dest="weights_command", required=True)
    convert_parser = commands.add_parser("convert", help="write a file in our own format")
    convert_parser.add_argument("source", metavar="SRC", help=f"{SOURCES} file")
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
    inspect_parser.add_argument("file", metavar="FILE", help=f".weights.h5, .dat, {SOURCES} file")
    for one in (convert_parser, inspect_parser):
        one.add_argument(
            "--network",
            metavar="NAME",
            help="the network in models, as ResNet50; by default what the names in the file tell",
        )
    list_parser = commands.add_parser("list", help="print the presets, or all that is known of one")
    list_parser.add_argument(
        "preset", nargs="?", metavar="PRESET", help="by default a table of all"
    )


def run(args: argparse.Namespace) -> int:
    """Runs the command.

    Args:
        args: what `add_arguments` describes.

    Returns:
        0, or 1 where `inspect` finds another probe than the sidecar's.

    Raises:
        ModuleNotFoundError, OSError, ValueError: where a file cannot be read or is not what it
            should be.
    """
    if args.weights_command == "list":
        if args.preset:
            _show(args.preset)
        else:
            _list()
        return 0
    if args.weights_command == "convert":
        convert(
            *(args.source, args.out),
            network=args.network,
            variant=args.variant,
            verbose=args.verbose,
        )
        return 0
    return inspect(args.file, network=args.network)


def convert(
    source: str,
    out: str,
    *,
    network: str | None = None,
    variant: str = "unknown",
    verbose: bool = False,
) -> None:
    """Converts a source file to our own format, and prints what was mapped.

    Args:
        source: path of another program's file.
        out: path of the `.weights.h5` file to write; its `.json` sidecar goes beside it.
        network: the name in `models` of the network that it must be; None for what the file tells.
        variant: "ft", "scratch" or "unknown": what the user says of a file that is not known.
        verbose: whether to print one line a tensor, not one a stage.

    Raises:
        ModuleNotFoundError, OSError, ValueError: as `models.load_weights`; also if `variant` is
            not that of a known file, or `out` does not end in `.weights.h5`.
    """
    from maskedface.conversion import probe, weights_h5
    from maskedface.models import alignment_of, weights

    weights_h5.sidecar_path(out)  # refuses a wrong ending before any work is done
    found, backbone = _open(source, network)
    if not found.arrays:
        raise ValueError(f"SRC must be a {SOURCES} file. Received: {source!r}")
    facts = weights.load(backbone, found)
    if facts["known"] and variant not in (facts["variant"], "unknown"):
        raise ValueError(
            f"--variant must be {facts['variant']!r}, which this file's sha256 tells. "
            f"Received: {variant!r}"
        )
    mapped = facts.pop("mapped")
    told_by = "sha256" if facts["known"] else "user" if variant != "unknown" else "nothing"
    facts |= {
        "variant": facts["variant"] if facts["known"] else variant,
        "variant_told_by": told_by,
        "architecture": found.architecture,
        "arguments": found.arguments,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": backbone.name,
        "probe": {
            "image": "maskedface.conversion.drawn_face(), as large as the network takes it",
            "embedding": [float(f"{value:.7g}") for value in probe.embedding(backbone)],
        },
    }
    weights_h5.save(backbone, out, facts)
    _print_facts(facts)
    _print_mapped(mapped, facts["left_over"], verbose)
    print(f"built as: models.{found.architecture}, aligned to {alignment_of(backbone)!r}")
    print(f"wrote: {out} and {weights_h5.sidecar_path(out)}")


def inspect(path: str, *, network: str | None = None) -> int:
    """Loads a file, prints what is known of it, and recomputes the probe.

    Args:
        path: a file of ours, or a source file.
        network: as in `convert`.

    Returns:
        0; 1 if the probe is not the sidecar's.

    Raises:
        ModuleNotFoundError, OSError, ValueError: as `models.load_weights`.
    """
    from maskedface.conversion import probe
    from maskedface.models import weights

    source, backbone = _open(path, network)
    facts = weights.load(backbone, source)
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


def _open(path: str, network: str | None) -> tuple[Source, keras.Model]:
    """A file, and the network that it is for with random numbers."""
    from maskedface import models
    from maskedface.conversion.layouts import architectures
    from maskedface.models import weights
    from maskedface.names import did_you_mean

    known = [*architectures(), "DlibResNet29"]
    if network is not None and network not in known:
        hint = did_you_mean(network, known)
        raise ValueError(f"--network must be one of {known}. Received: {network!r}{hint}")
    source = weights.read_source(path, network)
    if source.architecture is None:
        raise ValueError(
            f"--network must say which of {known} {path!r} holds, which has no .json that says so. "
            "Received: none"
        )
    return source, getattr(models, source.architecture)(None, **source.arguments)


def _print_facts(facts: dict[str, Any]) -> None:
    known = "true" if facts["known"] else "false"
    print(f"source: {facts['source']['name']}, {facts['source']['size']:,} bytes")
    print(f"sha256: {facts['source']['sha256']}")
    print(f"known: {known}")
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


def _print_mapped(mapped: dict[str, str], left_over: list[str], verbose: bool) -> None:
    stages = Counter(path.split("_")[0] for path in mapped.values())
    print(f"mapped: {len(mapped)} tensors:", ", ".join(f"{n} {s}" for s, n in stages.items()))
    for source, path in mapped.items() if verbose else list(mapped.items())[:1]:
        print(f"  {source} -> {path}")
    counters = [name for name in left_over if name.endswith(".num_batches_tracked")]
    names = [name for name in left_over if name not in counters]
    if counters:
        names.append(f"{len(counters)} num_batches_tracked")
    print(f"not used: {', '.join(names) or 'none'}")


def _list() -> None:
    from rich.table import Table

    from maskedface.cli.tables import print_table
    from maskedface.conversion import cache
    from maskedface.models.presets import PRESETS

    table = Table(box=None, pad_edge=False, padding=(0, 1))  # fits into 80 columns
    for column in ("preset", "architecture", "alignment", "license", "size", "here"):
        table.add_column(column, no_wrap=True)
    for preset in PRESETS.values():
        size = preset.files[0].size
        table.add_row(
            *(preset.name, preset.architecture, preset.alignment, preset.license),
            f"{size / 1e6:.1f} MB" if size else "unknown",
            "yes" if _path(preset) else "no",
        )
    print_table(table)
    print("all that is known of one: maskedface weights list PRESET")
    print("looked for in:", ", ".join(cache.folders()))


def _show(name: str) -> None:
    from maskedface.conversion import cache
    from maskedface.models.presets import PRESETS
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
    print(f"variant: {preset.variant}")
    print(f"training set: {preset.training_set}")
    print(f"alignment: {preset.alignment}, at {preset.input_size} px")
    print(f"channels: {preset.channels}; the file's own: {preset.file_channels}")
    print(f"the file's own input: {preset.file_scaling}")
    print("input range: {:g} to {:g}".format(*preset.input_range))
    print(f"license: {preset.license}, {preset.license_note}")
    print(f"origin: {preset.origin}")
    print(f"unverified: {preset.unverified or 'nothing'}")
    if preset.convert_command:
        print(f"convert: {preset.convert_command}")
    print(f"here: {_path(preset) or 'no'}")
    print("looked for in:", ", ".join(cache.folders()))


def _path(preset: Preset) -> str | None:
    from maskedface.conversion import cache, dlib

    if preset.architecture != "DlibResNet29":
        return cache.find([f"{preset.name}.weights.h5", *(file.name for file in preset.files)])
    try:
        return dlib.locate()
    except ModuleNotFoundError:
        return None
