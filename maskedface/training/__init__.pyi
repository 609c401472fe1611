# What the package offers: read by type checkers, and by `lazy_loader` when a name is first used.
from .backbones import build_backbone as build_backbone
from .domain_reports import report_domains as report_domains
from .experiment import train as train, train_scenario as train_scenario
from .network import (
    build_optimizer as build_optimizer,
    compile_network as compile_network,
    network_of as network_of,
)
from .run import Run as Run, find_runs as find_runs, last_run as last_run
