# What the package offers: read by type checkers, and by `lazy_loader` when a name is first used.
from . import spaces as spaces
from .field_importance import importance as importance
from .hypermodel import OBJECTIVE as OBJECTIVE, FaceHyperModel as FaceHyperModel
from .search_folder import Record as Record, Search as Search, SearchError as SearchError
from .search_plot import draw_search as draw_search
from .searching import search as search, validation_split as validation_split
from .space import Space as Space
