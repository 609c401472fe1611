"""Results as text for laypersons; the results themselves have the numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maskedface.recognition.default_rates import Likelihood
    from maskedface.recognition.faces import Identity, Verification

_APART = 3  # ratio from which the rates of data sets are reported as a range
_MANY = 0.3  # from this share on "3 in 10" is easier to read than "1 in 3.3"


def how_many(share: float) -> str:
    """A share in everyday language: at most two digits, and never rounded down.

    >>> from maskedface.recognition.words import how_many
    >>> how_many(0.00083), how_many(0.04), how_many(0.65), how_many(1.0)
    ('1 in 1,200', '1 in 25', '7 in 10', 'nearly all')

    Args:
        share: float in [0, 1].
    """
    if share > 0.9:
        return "nearly all"
    if share >= _MANY:
        return f"{math.ceil(share * 10 - 1e-9)} in 10"
    if share <= 0:
        return "none"
    count = 1 / share
    step = 10 ** max(0, math.floor(math.log10(count)) - 1)
    return f"1 in {math.floor(count / step + 1e-9) * step:,}"


def verification_words(found: Verification) -> str:
    """The result of a verification, with how often other pairs look this alike."""
    said = {
        True: "probably the same person",
        False: "probably different people",
        None: "cannot tell",
    }
    likelihood, parts = found.likelihood, []
    if likelihood is not None and found.same is not False:
        parts.append(f"{_of_strangers(likelihood, found.same)} look this alike")
    if likelihood is not None and not found.same:
        parts.append(_unlike(likelihood))
    parts += _alone(likelihood)
    return f"{said[found.same]} ({'; '.join(parts)})" if any(parts) else said[found.same]


def identity_words(found: Identity) -> str:
    """The result of an identification, with how often strangers look this much like somebody
    enrolled."""
    nearest, likelihood, rate = (
        found.candidates[0].person,
        found.likelihood,
        found.false_positive_rate,
    )
    if likelihood is None or rate is None:
        return f"probably {found.person}" if found.person else f"unknown (nearest: {nearest})"
    fewer = "fewer than " if likelihood.is_least else ""
    rates = f"{fewer}{how_many(rate)} strangers look this much like somebody enrolled"
    told = "; ".join([rates, *_alone(likelihood)])
    if found.person:
        return f"probably {found.person} ({told})"
    if found.verdict == "cannot tell":
        return f"perhaps {nearest} ({told})"
    return f"unknown (nearest: {nearest})"


def _alone(likelihood: Likelihood | None) -> list[str]:
    """Whose rates they are, if one data set was measured: of several the worst counts, but one says
    nothing about people of another kind, who may look alike far more often."""
    if likelihood is None or len(likelihood.by_data) > 1:
        return []
    return [f"measured only on {likelihood.source}"]


def _of_strangers(likelihood: Likelihood, found: bool | None) -> str:
    """How many pairs of strangers look this alike; for "cannot tell" as a range over the data
    sets."""
    most, least = likelihood.false_match_rate, min(likelihood.by_data.values())
    if found is None and least * _APART < most:
        return (
            f"{how_many(most)} to {how_many(least)} pairs of strangers, depending on who they are,"
        )
    return f"{'fewer than ' * likelihood.is_least}{how_many(most)} pairs of strangers"


def _unlike(likelihood: Likelihood) -> str:
    """How many pairs of one person look less alike, at least 1 in 100, as few pairs were
    measured."""
    return f"{how_many(max(likelihood.false_non_match_rate, 0.01))} pairs of one person look less alike"
