"""Training runs and the folders they leave."""

from maskedface.training.compiling import build_model, compile_model, learning_rate
from maskedface.training.run import Run
from maskedface.training.train import report_domains, train, train_scenario

__all__ = [
    "Run",
    "build_model",
    "compile_model",
    "learning_rate",
    "report_domains",
    "train",
    "train_scenario",
]
