# What the package offers: read by type checkers, and by `lazy_loader` when a name is first used.
from .probe import drawn_face as drawn_face
from .readers import read as read
