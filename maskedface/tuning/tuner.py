"""Runs trials one after the other and records their results."""

from __future__ import annotations

import contextlib
import errno
import glob
import logging
import math
import os
import shutil
import statistics
import time
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import keras_tuner
from keras_tuner.src.distribute.utils import is_chief_oracle

from maskedface.atomic_file import atomic_write, write_json
from maskedface.locks import LockedError
from maskedface.training.checkpoint import STATE
from maskedface.training.run import METRICS, read_history, read_json
from maskedface.tuning._keras_tuner_fixes import WholeFileTuner, patient, serve
from maskedface.tuning.early_stopping import CURVE, TrialStopping
from maskedface.tuning.hypermodel import OBJECTIVE, FaceHyperModel
from maskedface.tuning.search_folder import RECORD, Search, progress_line

RUNG = "rung.npz"  # the state at a trial's end, from which Hyperband's next one goes on

# Errors of the machine, not of a trial: a full or failing disk, too many open files.
_MACHINES = {
    getattr(errno, name, None)
    for name in ("ENOSPC", "EDQUOT", "EFBIG", "EIO", "EROFS", "EMFILE", "ENFILE")
} - {None}


class FaceTuner(WholeFileTuner):
    """A tuner of Keras Tuner for recipes; a worker or chief if environment variables say so.

    Args:
        hypermodel: the recipe and its space.
        oracle: from `tuning.oracles.make_oracle`.
        folder: the search folder; an existing search is resumed.
        seeds: ints >= 0; a trial is trained once for each, and its score is the mean.
        trials: int, the planned number of trials, for the progress line.
        stop_hopeless: whether the median rule stops trials.
        timeout: float, seconds without a report after which a chief, or a worker without a chief,
            stops.
        progress: whether to log one line per trial.
    """

    def __init__(
        self,
        hypermodel: FaceHyperModel,
        oracle: keras_tuner.Oracle,
        *,
        folder: str,
        seeds: Sequence[int],
        trials: int,
        stop_hopeless: bool,
        timeout: float,
        progress: bool,
    ) -> None:
        self.folder, self.seeds, self.trials = folder, tuple(seeds), trials
        self.stop_hopeless, self.timeout, self.progress = stop_hopeless, timeout, progress
        directory, name = os.path.split(os.path.abspath(folder))
        super().__init__(oracle, hypermodel, directory=directory, project_name=name)
        # The file by which the next process knows that there is a search to go on with.
        self.save()

    def _populate_initial_space(self) -> None:
        # Keras Tuner would build a model for each condition to find the space; ours is data.
        space = self.oracle.get_space()
        self.hypermodel.declare_hyperparameters(space)
        self.oracle.update_space(space)

    @property
    def is_worker(self) -> bool:
        """Whether a chief in another process chooses the trials."""
        return bool(self._is_worker())

    def search(self) -> bool:
        """Runs or serves trials until there are no more.

        Returns:
            Whether the search completed; False if a chief timed out.

        Raises:
            OSError: if the chief does not answer, or cannot listen on its address.
        """
        if is_chief_oracle():
            return serve(self.oracle, self.timeout, self._log_progress)
        asking = patient(self.oracle, self.timeout) if self.is_worker else contextlib.nullcontext()
        with _without_retracing_warnings(), asking:
            try:
                super().search()
            except keras_tuner.errors.FatalError as error:
                raise error.__cause__ or error from None
        return True

    def on_trial_end(self, trial: Any) -> None:
        """Notifies the oracle, then logs the progress."""
        super().on_trial_end(trial)
        self._log_progress()

    def run_trial(self, trial: Any) -> float:
        """Trains a trial once per seed and writes its record.json, even if it fails.

        Args:
            trial: a `keras_tuner` trial.

        Returns:
            The mean over seeds of the rank-1 accuracy on the validation faces.
        """
        started = time.monotonic()
        folder = self.get_trial_dir(trial.trial_id)
        record: dict[str, Any] = {"trial": trial.trial_id, "values": trial.hyperparameters.values}
        done = self._record(trial.trial_id)
        if done.get("status") in ("completed", "stopped") and done["values"] == record["values"]:
            return float(done["score"])  # killed before the oracle was told
        try:
            record |= self._run_seeds(trial, folder)
        except Exception as error:
            if isinstance(error, LockedError) or getattr(error, "errno", None) in _MACHINES:
                # Not the trial's fault: the search ends, and the trial runs when it is resumed.
                raise keras_tuner.errors.FatalError(str(error)) from error
            text = f"{type(error).__name__}: {error}".splitlines()[0]
            record |= {"status": "failed", "reason": text[:300]}
            traceback.clear_frames(error.__traceback__)  # they hold the model and its activations
            for state in glob.glob(os.path.join(glob.escape(folder), "seed-*", STATE)):
                os.remove(state)
            raise
        finally:
            if "status" in record:
                record |= {"seconds": time.monotonic() - started, "memory_mib": memory_mib()}
                write_json(os.path.join(folder, RECORD), record)
        return float(record["score"])

    def _run_seeds(self, trial: Any, folder: str) -> dict[str, Any]:
        values = trial.hyperparameters.values
        recipe = self.hypermodel.recipe_of(trial.hyperparameters)
        wanted = values.get("tuner/epochs", recipe.epochs)
        # The curve of a head that is replaced at the end says nothing of the score.
        is_judged = recipe.head_final == "trained"
        others = self._curves() if self.stop_hopeless and is_judged else []
        found = []
        for seed in self.seeds:
            run_dir = os.path.join(folder, f"seed-{seed}")
            self._go_on(values.get("tuner/trial_id"), seed, run_dir)
            begun = read_history(run_dir).get(CURVE, [])
            watch: list[keras.callbacks.Callback] = [
                TrialStopping(others, wanted, lambda: self.oracle.get_trial(trial.trial_id), begun)
            ]
            if "tuner/epochs" in values:
                watch.append(_Keep(run_dir))
            report = self.hypermodel.fit(
                trial.hyperparameters, run_dir=run_dir, seed=seed, callbacks=watch
            )
            history = read_history(run_dir)
            ran, curve = len(history.get("epoch", [])), history.get(CURVE, []) if is_judged else []
            found.append((report[OBJECTIVE.name], report["val_loss"], ran, curve))
            if ran < wanted:
                break  # hopeless: the other seeds need not run
        scores, losses, epochs, curves = map(list, zip(*found, strict=True))
        if not all(map(math.isfinite, [*scores, *losses])):
            raise keras_tuner.errors.FailedTrialError(
                f"accuracy and loss must be finite. Received: {scores} and {losses}"
            )
        return {
            "status": "stopped" if min(epochs) < wanted else "completed",
            "scores": scores,
            "score": statistics.fmean(scores),
            "loss": statistics.fmean(losses),
            "epochs": min(epochs),
            "curve": [statistics.fmean(step) for step in zip(*curves, strict=False)],
        }

    def _record(self, trial_id: str) -> dict[str, Any]:
        path = os.path.join(self.get_trial_dir(trial_id), RECORD)
        return read_json(path) if os.path.exists(path) else {}

    def _curves(self) -> list[list[float]]:
        done = Search(self.folder).trials
        return [record["curve"] for record in done if record["status"] == "completed"]

    def _go_on(self, past: str | None, seed: int, run_dir: str) -> None:
        """Restores the exact state of the trial that Hyperband continues."""
        begun = any(os.path.exists(os.path.join(run_dir, name)) for name in (STATE, METRICS))
        rung = os.path.join(self.get_trial_dir(past), f"seed-{seed}", RUNG) if past else ""
        if not begun and os.path.exists(rung):
            os.makedirs(run_dir, exist_ok=True)
            with atomic_write(os.path.join(run_dir, STATE)) as partial:
                shutil.copyfile(rung, partial)

    def _log_progress(self) -> None:
        if self.progress:
            line = progress_line(Search(self.folder).trials, self.trials)
            logging.getLogger("maskedface").info(line)


class _Keep(keras.callbacks.Callback):
    """A callback, behind `TrialStopping`, that keeps the state at the end of a rung, which a finished
    run would remove."""

    reads_state = True  # of the last epoch: `training.fit` writes each

    def __init__(self, run_dir: str) -> None:
        super().__init__()
        self.run_dir = run_dir

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.model.stop_training:
            with atomic_write(os.path.join(self.run_dir, RUNG)) as partial:
                shutil.copyfile(os.path.join(self.run_dir, STATE), partial)


@contextlib.contextmanager
def _without_retracing_warnings() -> Iterator[None]:
    """Suppresses TensorFlow's retracing warnings, since each trial is a new model."""

    def is_of_else(record: logging.LogRecord) -> bool:
        return "retracing" not in record.getMessage()

    logger = logging.getLogger("tensorflow")
    logger.addFilter(is_of_else)
    try:
        yield
    finally:
        logger.removeFilter(is_of_else)


def memory_mib() -> float:
    """The current memory of this process (resident set), in MiB; 0 if /proc is not available."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
