# What the package offers: read by type checkers, and by `lazy_loader` when a name is first used.
from .probe import drawn_face as drawn_face
from .readers import (
    read as read,
    read_dlib as read_dlib,
    read_h5 as read_h5,
    read_pickle as read_pickle,
    read_torch as read_torch,
)
from .vggface2_weights import assign as assign
