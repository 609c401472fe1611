# What the package offers: read by type checkers, and by `lazy_loader` when a name is first used.
from .page import write_report as write_report
from .run_groups import RunGroup as RunGroup, find_groups as find_groups
