"""Parses the request parameters other than photographs."""

from __future__ import annotations

import math
from typing import Any

from maskedface.extras import from_extra
from maskedface.names import person_name

with from_extra("serve", "FastAPI"):
    from starlette.exceptions import HTTPException

_YES, _NO = (True, "true", "yes", "1", "on"), (False, None, "", "false", "no", "0", "off")


def check_words(words: dict[str, Any], *known: str) -> None:
    """Rejects unknown parameters, so that a misspelled one is not silently ignored.

    Raises:
        HTTPException: 400.
    """
    unknown = sorted({*words} - {*known})
    if unknown:
        raise HTTPException(
            400,
            f"a request's parameters must be {', '.join(known)}. Received: {unknown[0][:40]!r}",
        )


def a_number(words: dict[str, Any], name: str) -> float | None:
    """The number in a parameter; None if it is missing.

    Raises:
        HTTPException: 400 if it is not a number.
    """
    value = words.get(name)
    if value in (None, ""):
        return None
    try:
        number = float("nan" if isinstance(value, bool) else value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise HTTPException(400, f"{name} must be a number. Received: {str(value)[:40]!r}")
    return number


def a_count(words: dict[str, Any], name: str, default: int, most: int) -> int:
    """The integer in a parameter, from 1 to the maximum.

    Raises:
        HTTPException: 400 if it is not such an integer.
    """
    number = a_number(words, name)
    if number is None:
        return default
    if number != int(number) or not 1 <= number <= most:
        raise HTTPException(
            400, f"{name} must be an integer from 1 to {most}. Received: {number:g}"
        )
    return int(number)


def is_yes(words: dict[str, Any], name: str) -> bool:
    """The boolean in a parameter.

    Raises:
        HTTPException: 400 if it is neither true nor false.
    """
    value = words.get(name)
    for said, values in ((True, _YES), (False, _NO)):
        if any(value is one or (isinstance(value, str) and value == one) for one in values):
            return said
    raise HTTPException(400, f"{name} must be true or false. Received: {str(value)[:40]!r}")


def a_person(value: Any) -> str:
    """The person's name in a parameter.

    Raises:
        HTTPException: 400 if it is not a valid name.
    """
    try:
        return person_name(value)
    except ValueError as error:
        raise HTTPException(400, str(error)) from error
