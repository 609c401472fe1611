# What the package offers: read by type checkers, and by `lazy_loader` when a name is first used.
from .compiling import (
    build_model as build_model,
    compile_model as compile_model,
    learning_rate as learning_rate,
)
from .experiment import train as train, train_scenario as train_scenario
from .results import open_results as open_results, report_domains as report_domains
from .run import Run as Run, find_runs as find_runs, last_run as last_run
from .start import build_backbone as build_backbone
