# What the package offers: read by type checkers, and by `lazy_loader` when a name is first used.
from . import spaces as spaces
from .hypermodel import OBJECTIVE as OBJECTIVE, FaceHyperModel as FaceHyperModel
from .search_folder import Search as Search, SearchError as SearchError
from .searching import search as search
from .space import Space as Space
