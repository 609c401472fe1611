# What the package offers: read by type checkers, and by `lazy_loader` when a name is first used.
from .app import make_app as make_app
from .limits import Limits as Limits
from .running import serve as serve
from .tokens import Tokens as Tokens, read_tokens as read_tokens
