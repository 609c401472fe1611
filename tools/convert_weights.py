"""Converts another program's file of weights: the command `maskedface weights convert` as a script.

python tools/convert_weights.py resnet50_ft_weight.pkl --out vggface2_ft.weights.h5
"""

from __future__ import annotations

import argparse
import sys

from maskedface.cli import weights


def main() -> int:
    """Runs `maskedface weights convert` with the script's arguments.

    Returns:
        The exit code: 0, or 2 after an error.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    weights.add_arguments(parser)
    try:
        return weights.run(parser.parse_args(["convert", *sys.argv[1:]]))
    except (ModuleNotFoundError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
