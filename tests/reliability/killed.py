"""Runs `maskedface` and kills it (SIGKILL) at a moment of training."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def after(call: Callable[..., Any], count: int) -> Callable[..., Any]:
    """The function, which kills the process when it is called once more than `count` times."""
    calls = []

    def counted(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        return die() if len(calls) > count else call(*args, **kwargs)

    return counted


def arm(moment: str) -> None:
    from maskedface.training import checkpoint, feature_cache, finalize, run, run_dir

    if moment == "features":
        feature_cache._store = after(feature_cache._store, 1)  # one view of two is in the file
    elif moment == "epoch":
        from maskedface.training.batches import TrainingBatches

        TrainingBatches.__getitem__ = after(TrainingBatches.__getitem__, 5)
    elif moment == "state":

        def half(path: str, **arrays: Any) -> None:
            with open(path, "wb") as file:
                file.write(b"half of a state")
                file.flush()
            if os.path.exists(os.path.join(os.path.dirname(path), checkpoint.STATE)):
                die()  # the second epoch's, while the first one's is there

        savez = checkpoint.np.savez
        checkpoint.np.savez = lambda path, **arrays: (half(path), savez(path, **arrays))
    elif moment == "evaluation":
        finalize.report_domains = die
    elif moment == "metrics":
        write = run_dir.write_text
        run_dir.write_text = lambda path, text: (
            die() if path.endswith(run.METRICS) else write(path, text)
        )
    else:
        raise ValueError(moment)


if __name__ == "__main__":
    from maskedface.cli.main import main

    arm(sys.argv[1])
    sys.exit(main(sys.argv[2:]))
