"""Access tokens, stored as hashes and compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import stat

from maskedface.names import shown

VARIABLE = "MASKEDFACE_TOKENS"
_LEAST = 20  # characters: of letters and digits more than 100 bits
_LINE = re.compile(r"(?:([A-Za-z0-9_.@-]{1,64}):\s*)?(\S+)")


class Tokens:
    """Tokens and the names of their holders.

    Args:
        lines: each `NAME: TOKEN` or `TOKEN`; empty lines and those that begin with # are ignored.

    Raises:
        ValueError: if a token is shorter than 20 characters or occurs twice, or a line is
            malformed; the message shows no token.

    >>> from maskedface import serving
    >>> tokens = serving.Tokens(["door: 5pVKpGxEwnlLFRYGQzQO"])
    >>> tokens.holder("5pVKpGxEwnlLFRYGQzQO"), tokens.holder("guess")
    ('door', None)
    """

    def __init__(self, lines: list[str] | tuple[str, ...] = ()) -> None:
        self._holders: dict[bytes, str] = {}
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            found = _LINE.fullmatch(line.strip())
            if found is None or len(found[2]) < _LEAST:
                raise ValueError(
                    f"a token must be 'NAME: TOKEN' or 'TOKEN', of at least {_LEAST} characters "
                    f"without spaces. Received: something else in line {number}"
                )
            digest = _digest(found[2])
            if digest in self._holders:
                raise ValueError(f"a token must occur once. Received: a duplicate in line {number}")
            self._holders[digest] = found[1] or f"token {len(self._holders) + 1}"

    def __len__(self) -> int:
        return len(self._holders)

    def holder(self, token: str) -> str | None:
        """The name of a token's holder; None if the token is unknown.

        Args:
            token: str, as received. Each comparison takes the same time.
        """
        given, found = _digest(token), None
        for digest, name in self._holders.items():
            if hmac.compare_digest(digest, given):
                found = name
        return found


def read_tokens(path: str | None) -> Tokens:
    """Reads the tokens of a file, or of the environment variable `MASKEDFACE_TOKENS`.

    Args:
        path: the file; None = the environment.

    Returns:
        `Tokens`, empty if there is neither.

    Raises:
        ValueError: as `Tokens`, or if the file has no tokens, or is writable by others than its
            owner.
        OSError: if it cannot be read.

    >>> from maskedface import serving
    >>> len(serving.read_tokens("tokens"))  # doctest: +SKIP
    1
    """
    if path is None:
        return Tokens(os.environ.get(VARIABLE, "").splitlines())
    with open(path, encoding="utf-8") as file:
        mode = os.fstat(file.fileno()).st_mode
        if os.name == "posix" and mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise ValueError(
                f"a token file must be writable only by its owner. Received: {shown(path)!r}"
            )
        tokens = Tokens(file.read().splitlines())
    if not len(tokens):
        raise ValueError(
            f"a token file must contain a token. Received: {shown(path)!r} without any"
        )
    return tokens


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
