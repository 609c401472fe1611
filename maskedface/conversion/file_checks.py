"""Detects files that are not weight files: web pages, Git LFS pointers, empty files."""

from __future__ import annotations

import hashlib
import os

# What a file begins with, and what to call it. Web servers send a page where a file is gone or
# asks for a log-in; a clone without Git LFS holds pointers.
_OTHERS = (
    (b"<!doctype", "an HTML page, not the file it should lead to"),
    (b"<html", "an HTML page, not the file it should lead to"),
    (b"<?xml", "an XML page, not the file it should lead to"),
    (b"version https://git-lfs", "a Git LFS pointer: fetch the file itself (git lfs pull)"),
)


def check(path: str | os.PathLike[str], expected: str) -> None:
    """Rejects a file that cannot be a weight file.

    Args:
        path: the file.
        expected: the expected kind, for the message: "a pickle of NumPy arrays".

    Raises:
        ValueError: if there is no such file, or it is empty, a web page or a Git LFS pointer.
    """
    if not os.path.isfile(path):
        raise ValueError(f"weights must be a file. Received: path={os.fspath(path)!r}")
    with open(path, "rb") as file:
        start = file.read(1024).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    found = next((name for begin, name in _OTHERS if start.startswith(begin)), None)
    if not start:
        found = "empty"
    if found:
        raise ValueError(
            f"weights must be {expected}. Received: path={os.fspath(path)!r}, which is {found}"
        )


def sha256(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file's bytes.

    Args:
        path: the file.

    Returns:
        64 lower-case hexadecimal digits.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
