"""Default thresholds for galleries without calibration, from a network's error rates on other
people: measured once and shipped with the library, or measured on a run's test people."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from maskedface.evaluation.false_matches import CONDITIONS, Condition, PairRates, pair_rates
from maskedface.reprs import short_repr

if TYPE_CHECKING:
    from maskedface.training import Run

FPIR, FAR = 0.01, 0.001
"""The rates for which thresholds are chosen by default: one in a hundred strangers' faces gets a
name, and one in a thousand pairs of strangers is accepted."""

UNLIKE = 0.05
"""False non-match rate below which two faces are probably different people's."""

_FILE = os.path.join(os.path.dirname(__file__), "default_rates.json")


@dataclasses.dataclass(frozen=True)
class Likelihood:
    """Error rates at the similarity of two faces, as measured on other people.

    Attributes:
        condition: which of the two faces wear a mask: "both unmasked", "one masked" or "both
            masked". If it is unknown whether somebody was enrolled with a mask, the two possible
            ones joined by " or ".
        false_match_rate: float in (0, 1], upper bound of the share of impostor pairs that are
            at least this similar, in the data set where it is highest.
        is_least: bool, whether this is the lowest rate that was measurable; the true one may be
            lower.
        false_non_match_rate: float in [0, 1], upper bound of the share of genuine pairs that are
            at most this similar, in the data set where it is highest.
        by_data: {data set: false match rate}.
        source: str, the data that was measured.
    """

    condition: str
    false_match_rate: float
    is_least: bool
    false_non_match_rate: float
    by_data: Mapping[str, float]
    source: str

    def to_dict(self) -> dict[str, Any]:
        """Returns a JSON-serializable dict."""
        return {**dataclasses.asdict(self), "by_data": dict(self.by_data)}


@dataclasses.dataclass(frozen=True)
class DefaultRates:
    """A network's error rates on people that it was not trained on.

    Args:
        rates: {condition: the `PairRates` of each data set}. The worst data set counts, as a
            network may separate the people of one data set better than those of another.
        source: str, a description of the measured data.

    >>> from maskedface.recognition.default_rates import shipped_rates
    >>> dlib = shipped_rates()["dlib"]
    >>> found = dlib.likelihood(0.97, ["both unmasked"])
    >>> found.false_match_rate < 0.001
    True
    """

    rates: Mapping[Condition, Sequence[PairRates]]
    source: str

    __repr__ = short_repr

    def likelihood(self, cosine: float, conditions: Iterable[Condition]) -> Likelihood | None:
        """The error rates at a similarity.

        Args:
            cosine: float in [-1, 1], the cosine similarity of two faces.
            conditions: the condition of the pair, or all possible ones, of which the worst counts.

        Returns:
            The `Likelihood`; None if one of the conditions was not measured.
        """
        known = [(condition, self.rates.get(condition, ())) for condition in conditions]
        if not known or not all(tables for _, tables in known):
            return None
        tables = [table for _, of in known for table in of]
        worst = max(tables, key=lambda table: table.false_match_rate(cosine))
        by_data: dict[str, float] = {}
        for table in tables:
            rate = table.false_match_rate(cosine)
            by_data[table.data] = max(rate, by_data.get(table.data, 0.0))
        rate = worst.false_match_rate(cosine)
        return Likelihood(
            condition=" or ".join(condition for condition, _ in known),
            false_match_rate=rate,
            is_least=rate == worst.false_matches[-1][0],
            false_non_match_rate=max(table.false_non_match_rate(cosine) for table in tables),
            by_data=by_data,
            source=self.source,
        )

    def threshold(self, rate: float, conditions: Iterable[Condition]) -> float | None:
        """The lowest cosine similarity with at most this false match rate.

        Args:
            rate: float in (0, 1].
            conditions: as for `likelihood`.

        Returns:
            float in [-1, 1]; None if a data set has too few pairs to measure the rate.
        """
        tables = [self.rates.get(condition, ()) for condition in conditions]
        found = [table.threshold(rate) for of in tables for table in of]
        if not found or not all(tables):
            return None
        known = [cosine for cosine in found if cosine is not None]
        return max(known) if len(known) == len(found) else None

    def to_dict(self) -> dict[str, Any]:
        """Returns a JSON-serializable dict; `DefaultRates.from_dict` restores it."""
        rates = {name: [table.to_dict() for table in of] for name, of in self.rates.items()}
        return {"source": self.source, "rates": rates}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DefaultRates:
        """Restores the result of `to_dict`."""
        rates = {
            condition: tuple(map(PairRates.from_dict, values["rates"][condition]))
            for condition in CONDITIONS
            if condition in values["rates"]
        }
        return cls(rates, values["source"])


@functools.cache
def shipped_rates() -> dict[str, DefaultRates]:
    """{network: its rates} for networks with freely available weights, measured by
    `tools/measure_default_thresholds.py`."""
    return {name: DefaultRates.from_dict(one) for name, one in _shipped().items()}


def shipped_rates_of(fingerprint: str) -> DefaultRates | None:
    """The shipped rates of a network.

    Args:
        fingerprint: the fingerprint of its embedder (`engines.Embedder`).

    Returns:
        Its `DefaultRates`, or None if none are shipped.
    """
    for name, one in _shipped().items():
        if one["fingerprint"] == fingerprint:
            return shipped_rates()[name]
    return None


def run_rates(run: Run) -> DefaultRates | None:
    """The error rates of a run's network on its test people, if they are unseen identities.

    Args:
        run: a finished run.

    Returns:
        Its `DefaultRates`; None if the run was tested on people it was trained on.

    Raises:
        ValueError: if the run's files were changed.
    """
    embeddings = run.predictions.get("embeddings")
    if embeddings is None:
        return None
    test = run.split()["test"]
    people, photos = ([getattr(face, of) for face in test.faces] for of in ("person", "photo"))
    named = [photo or face.path for photo, face in zip(photos, test.faces, strict=True)]
    data = f"the {len(test.people)} people that the run was tested on"
    found = pair_rates(embeddings, people, np.asarray(test.masked), data=data, photos=named)
    if not found:
        return None
    return DefaultRates({name: (table,) for name, table in found.items()}, data)


@functools.cache
def _shipped() -> dict[str, Any]:
    with open(_FILE, encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)["networks"]
    return found
