"""Keeps a run's error rates in the user's cache folder: each command with its network needs them, and
measuring them takes longer than reading a photograph."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

from maskedface import __version__
from maskedface.atomic_file import write_json
from maskedface.cache_folder import cache_folder, file_stamps
from maskedface.recognition.default_rates import DefaultRates, run_rates
from maskedface.training.run import MANIFEST, PREDICTIONS, RECORD

if TYPE_CHECKING:
    from maskedface.training import Run


def kept_run_rates(run: Run) -> DefaultRates | None:
    """As `run_rates`, but measured once, until a file of the run is replaced.

    Args:
        run: a finished run.

    Returns:
        As `run_rates`.

    Raises:
        ValueError: as `run_rates`.
    """
    folder = os.path.abspath(run.path)
    files = [os.path.join(folder, name) for name in (PREDICTIONS, MANIFEST, RECORD)]
    facts = {"maskedface": __version__, "files": file_stamps(files)}
    name = hashlib.blake2b(folder.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()
    path = os.path.join(cache_folder(), f"rates-{name}.json")
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        with open(path, encoding="utf-8") as file:
            told: dict[str, Any] = json.load(file)
        if told["kept"] == facts:
            return None if told["rates"] is None else DefaultRates.from_dict(told["rates"])
    rates = run_rates(run)
    with contextlib.suppress(OSError):  # a full disk, or a folder of somebody else
        write_json(path, {"kept": facts, "rates": None if rates is None else rates.to_dict()})
    return rates
