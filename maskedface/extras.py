"""Imports of optional packages."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def from_extra(extra: str, packages: str) -> Iterator[None]:
    """A context for imports of optional packages, whose errors explain the installation.

    Args:
        extra: str, the name in setup.cfg's `extras_require`.
        packages: str, the packages it contains, for the message.

    Raises:
        ModuleNotFoundError: if an import inside fails; the message has the pip command.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f'{packages} must be installed: pip install "maskedface[{extra}]". Received: {error}'
        ) from error
