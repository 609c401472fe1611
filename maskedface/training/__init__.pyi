# What the package offers: read by type checkers, and by `lazy_loader` when a name is first used.
from .adapting import Adapted as Adapted, adapt as adapt
from .experiment import train as train, train_scenario as train_scenario
from .run import (
    Run as Run,
    find_run as find_run,
    find_runs as find_runs,
    last_run as last_run,
)
