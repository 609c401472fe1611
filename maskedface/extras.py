"""Imports of packages that are not installed by themselves."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def from_extra(extra: str, packages: str) -> Iterator[None]:
    """Says how to install what is imported inside it.

    Args:
        extra: str, the name in setup.cfg's `extras_require`.
        packages: str, what it brings, for the message.

    Raises:
        ModuleNotFoundError: if an import inside fails; the message has the pip line.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f'{packages} must be installed: pip install "maskedface[{extra}]". Received: {error}'
        ) from error
