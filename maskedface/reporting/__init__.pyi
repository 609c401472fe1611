# What the package offers: read by type checkers, and by `lazy_loader` when a name is first used.
from .grad_cam import masked_with_others as masked_with_others
from .run_groups import RunGroup as RunGroup, find_groups as find_groups, per_face as per_face
from .page import write_report as write_report
