"""False match and false non-match rates of a network as tables: measured once on many people, then
looked up for every pair."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np

from maskedface.evaluation.scoring import can_tell, normalized
from maskedface.reprs import short_repr

Condition = Literal["both unmasked", "one masked", "both masked"]
CONDITIONS: tuple[Condition, ...] = get_args(Condition)

# Ten rates per decade: a rate from the table is at most a quarter above the measured one.
_RATES = tuple(float(f"{10 ** (-step / 10):.3g}") for step in range(1, 61))
_SHARES = tuple(share / 100 for share in (1, 2, *range(5, 100, 5)))  # of genuine pairs
_TOLD_BY = 10  # minimum number of impostor pairs that a rate is estimated from
_GENUINE = 40  # minimum number of genuine pairs for false non-match rates
_DRAWS, _BOUND = 200, 95  # bootstrap resamples of people; percentile of the upper bound
# Bounds are computed for rates up to this; above it the cosines differ by less than 0.002.
_BOUNDED = 0.02


def condition_of(first_masked: bool, second_masked: bool) -> Condition:
    """The condition of a pair: which of its faces wear a mask.

    >>> from maskedface.evaluation.false_matches import condition_of
    >>> condition_of(True, False)
    'one masked'
    """
    return CONDITIONS[int(first_masked) + int(second_masked)]


@dataclasses.dataclass(frozen=True)
class PairRates:
    """The error rates of a data set's pairs under one condition.

    Attributes:
        data: str, the data set's name.
        people, pairs, genuine: ints, numbers of people, impostor pairs and genuine pairs.
        false_matches: (rate, cosine) tuples, highest rate first: at most this share of impostor
            pairs has at least this cosine similarity, by the upper 95 % confidence bound over
            people. The last is the lowest rate that can be measured with these pairs.
        false_non_matches: (share, cosine) tuples, lowest share first: this share of genuine pairs
            has a lower cosine similarity. Empty if there are fewer than 40 genuine pairs.
    """

    data: str
    people: int
    pairs: int
    genuine: int
    false_matches: tuple[tuple[float, float], ...]
    false_non_matches: tuple[tuple[float, float], ...]

    __repr__ = short_repr

    def false_match_rate(self, cosine: float) -> float:
        """The false match rate of a cosine, an upper bound from the table; 1 below all entries."""
        return min((rate for rate, least in self.false_matches if cosine >= least), default=1.0)

    def false_non_match_rate(self, cosine: float) -> float:
        """The false non-match rate of a cosine from the table; 1 above all entries, 0 for an empty
        table."""
        if not self.false_non_matches:
            return 0.0
        return min((share for share, most in self.false_non_matches if cosine <= most), default=1.0)

    def threshold(self, rate: float) -> float | None:
        """The lowest cosine in the table with at most this false match rate; None if there were too
        few pairs to measure it."""
        return min(
            (cosine for known, cosine in self.false_matches if known <= rate * (1 + 1e-9)),
            default=None,
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns a JSON-serializable dict; `PairRates.from_dict` restores it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PairRates:
        """Restores the result of `to_dict`."""
        tables = {
            name: tuple((float(rate), float(cosine)) for rate, cosine in values[name])
            for name in ("false_matches", "false_non_matches")
        }
        return cls(**{**values, **tables})


def pair_rates(
    embeddings: np.ndarray,
    people: Sequence[str],
    masked: np.ndarray,
    *,
    data: str,
    photos: Sequence[str] | None = None,
    most: int = 4_000,
    seed: int = 0,
) -> dict[Condition, PairRates]:
    """Measures the error rates of all pairs of faces, by which of the two wear a mask.

    A false match rate is estimated from at least ten pairs. Its cosine is the upper 95 % bound of a
    bootstrap that resamples whole people (`pair_bootstrap`), as all pairs of a lookalike are
    correlated.

    Args:
        embeddings: float array, shape (faces, features).
        people: the person of each face.
        masked: bool array, shape (faces,).
        data: str, a name for the data set.
        photos: the photograph of each face, equal for copies; copies under two names are not
            impostor pairs. By default every face is from its own photograph.
        most: int >= 1, maximum number of faces; more are sampled at random (4,000 make up to
            8,000,000 pairs).
        seed: int >= 0, random seed of the sampling.

    Returns:
        {condition: `PairRates`} for the conditions with at least 100 impostor pairs.

    Raises:
        ValueError: if the lengths differ or a value is not finite.

    >>> import numpy as np
    >>> from maskedface.evaluation.false_matches import pair_rates
    >>> faces = np.random.default_rng(0).normal(size=(100, 8))
    >>> found = pair_rates(faces, [str(n // 2) for n in range(100)], np.zeros(100, bool), data="noise")
    >>> found["both unmasked"].pairs
    4900
    """
    unit = normalized(embeddings)
    if not len(unit) == len(people) == len(masked) or (photos and len(photos) != len(unit)):
        raise ValueError(
            "embeddings, people, masked and photos must have the same length. "
            f"Received: {len(unit)}, {len(people)}, {len(masked)} and {len(photos or people)}"
        )
    number, photo = (
        np.unique(np.asarray([*map(str, names)], object), return_inverse=True)[1]
        for names in (people, photos or range(len(unit)))
    )
    if len(unit) > most:
        drawn = np.sort(np.random.default_rng(seed).permutation(len(unit))[:most])
        unit, number, photo, masked = unit[drawn], number[drawn], photo[drawn], masked[drawn]
    found: dict[Condition, PairRates] = {}
    sides = (np.flatnonzero(~masked), np.flatnonzero(masked))
    for condition, (one, other) in zip(CONDITIONS, ((0, 0), (0, 1), (1, 1)), strict=True):
        rows, columns = sides[one], sides[other]
        cosines = (unit[rows] @ unit[columns].T).clip(-1, 1)
        is_pair = np.triu(np.ones(cosines.shape, bool), 1) if one == other else True
        copies = photo[rows][:, None] == photo[columns]
        same = (number[rows][:, None] == number[columns]) & is_pair & ~copies
        first, second = np.nonzero(~(number[rows][:, None] == number[columns]) & is_pair & ~copies)
        if can_tell(1 / _TOLD_BY**2, len(first)):
            strangers = cosines[first, second], number[rows][first], number[columns][second]
            found[condition] = PairRates(
                data,
                len(np.unique(number[np.union1d(rows, columns)])),
                len(first),
                int(same.sum()),
                _false_matches(*strangers, seed),
                _false_non_matches(cosines[same]),
            )
    return found


def _false_matches(
    cosines: np.ndarray, first: np.ndarray, second: np.ndarray, seed: int
) -> tuple[tuple[float, float], ...]:
    """(rate, cosine) for each rate that can be measured with these pairs."""
    rates = [rate for rate in _RATES if rate * len(cosines) >= _TOLD_BY]
    plain = np.quantile(cosines, [1 - rate for rate in rates])
    bounded = [place for place, rate in enumerate(rates) if rate <= _BOUNDED]
    if bounded:
        least = np.quantile(cosines, 1 - 2 * _BOUNDED)
        tail = np.flatnonzero(cosines >= least)
        tail = tail[np.argsort(-cosines[tail], kind="stable")]
        wanted = np.array(rates)[bounded]
        draws = _drawn(cosines[tail], first, second, tail, wanted, seed)
        upper = np.percentile(draws, _BOUND, axis=0)
        plain[bounded] = np.maximum(plain[bounded], upper)
    return tuple((rate, _up(float(cosine))) for rate, cosine in zip(rates, plain, strict=True))


def _drawn(
    cosines: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    tail: np.ndarray,
    rates: np.ndarray,
    seed: int,
) -> np.ndarray:
    """The cosines of rates in bootstrap resamples of people: float array, shape (draws, rates).

    Args:
        cosines: those of the most similar pairs, in descending order.
        first, second: the people of all pairs' first and second faces.
        tail: the indices of the most similar pairs.
        rates: shares of all pairs.
        seed: the random seed.
    """
    people = int(max(first.max(), second.max())) + 1
    together = np.bincount(first * people + second, minlength=people**2).reshape(people, people)
    there = np.flatnonzero(together.any(axis=0) | together.any(axis=1))
    together = together.astype("float32")
    one, other, rng, found = first[tail], second[tail], np.random.default_rng(seed), []
    for _ in range(_DRAWS):
        times = np.bincount(rng.choice(there, len(there)), minlength=people).astype("float32")
        total = max(float(times @ together @ times), 1.0)
        shares = np.cumsum(times[one] * times[other], dtype="float64") / total
        places = np.searchsorted(shares, rates).clip(max=len(cosines) - 1)
        found.append(cosines[places])
    return np.array(found)


def _false_non_matches(cosines: np.ndarray) -> tuple[tuple[float, float], ...]:
    if len(cosines) < _GENUINE:
        return ()
    shares = [share for share in _SHARES if share * len(cosines) >= 1]
    return tuple((share, round(float(np.quantile(cosines, share)), 5)) for share in shares)


def _up(cosine: float) -> float:
    """Rounded up, so that no rate becomes higher."""
    return math.ceil(cosine * 1e5) / 1e5
