"""Training runs and the folders they leave."""

from maskedface.training.compiling import build_model, compile_model, learning_rate
from maskedface.training.results import open_results, report_domains
from maskedface.training.run import Run, find_runs, last_run
from maskedface.training.start import build_backbone
from maskedface.training.train import train, train_scenario

__all__ = [
    "Run",
    "build_backbone",
    "build_model",
    "compile_model",
    "find_runs",
    "last_run",
    "learning_rate",
    "open_results",
    "report_domains",
    "train",
    "train_scenario",
]
