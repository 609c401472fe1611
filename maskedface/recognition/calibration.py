"""A gallery's thresholds for stated false positive rates, and how they were chosen."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any, Literal, get_args

from maskedface.datasets.face_index import DOMAINS, Domain
from maskedface.evaluation.false_matches import CONDITIONS, Condition, condition_of

ProbeKind = Literal["unmasked", "masked", "drawn mask"]
"""What a probe to calibrate on wears: no mask, a mask when it was photographed, or a drawn one."""
KINDS: tuple[ProbeKind, ...] = get_args(ProbeKind)

MaskedFrom = Literal["masked", "drawn mask", ""]

_BEFORE = {"identify", "verify"}  # the keys whose values were one number


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Thresholds, and the data they were chosen on. Masked and unmasked faces have their own, as
    strangers under a mask score higher or lower than without one, depending on the network.

    Attributes:
        fpir: float in (0, 1], the false positive identification rate for which `identify` was
            chosen: at most this share of the probes of people who are not enrolled got a name.
        identify: {"unmasked", "masked": float}, scores (`Candidate.score`); the most similar person
            to such a probe is named at or above it.
        far: float in (0, 1], the false accept rate for which `verify` was chosen.
        verify: {"both unmasked", "one masked", "both masked": float or None}, cosine similarities;
            two such faces are the same person's at or above it. None if there were too few impostor
            pairs for this rate.
        probes: int, number of photographs it was chosen on; near-duplicates count once.
        masked_from: what the thresholds of masked faces were chosen on: "masked", photographs of
            people who wear a mask; "drawn mask", masks drawn on photographs; or "" if there were
            too few of both, and all probes together chose one threshold.
        people: int, number of people they show.
        gallery: int, number of people enrolled at the time; FPIR grows with it.
        source: str, where the probes came from.
    """

    fpir: float
    identify: Mapping[Domain, float]
    far: float
    verify: Mapping[Condition, float | None]
    probes: int
    masked_from: MaskedFrom
    people: int
    gallery: int
    source: str

    def for_probe(self, masked: bool | None) -> float:
        """The score from which on a probe is named.

        Args:
            masked: whether it is masked; None if that is unknown: the higher threshold counts.
        """
        return max(self.identify[domain] for domain in _domains(masked))

    def for_pair(self, first: bool | None, second: bool | None) -> float | None:
        """The cosine similarity from which on two faces are the same person's; None if there is no
        threshold for such a pair.

        Args:
            first, second: whether each is masked; None if that is unknown: the highest possible
                threshold counts.
        """
        kinds = itertools.product(_domains(first), _domains(second))
        found = [self.verify[condition_of(*(of == "masked" for of in pair))] for pair in kinds]
        known = [threshold for threshold in found if threshold is not None]
        return max(known) if len(known) == len(found) else None

    def __str__(self) -> str:
        """The thresholds of `identify` as text: "threshold 0.938", or "threshold 0.938, masked
        0.953" where they differ."""
        unmasked, masked = (f"{self.identify[of]:.3f}" for of in ("unmasked", "masked"))
        return f"threshold {unmasked}" + (f", masked {masked}" if masked != unmasked else "")

    def to_dict(self) -> dict[str, Any]:
        """Returns a JSON-serializable dict; `Calibration(**values)` restores it."""
        return dataclasses.asdict(self)

    def expected_fpir(self, people: int) -> float:
        """Estimates the FPIR for another number of people enrolled, assuming that false matches
        with each person are equally likely and independent. The true rate may be higher.

        Args:
            people: int >= 0, number of people enrolled now.

        Returns:
            float in [0, 1].
        """
        return float(1 - (1 - self.fpir) ** (people / self.gallery))


def current_form(values: Any) -> Any:
    """`Calibration.to_dict` of this or an earlier version, in the form of this version. Earlier ones
    had one threshold for all probes and one for all pairs, which stay.

    Args:
        values: the dict; anything else is returned as it is.
    """
    if not isinstance(values, dict) or "masked_from" in values or not {*values} >= _BEFORE:
        return values
    return {
        **values,
        "identify": dict.fromkeys(DOMAINS, values["identify"]),
        "verify": dict.fromkeys(CONDITIONS, values["verify"]),
        "masked_from": "",
    }


def check_threshold(threshold: float | None, most: float) -> None:
    """Refuses a threshold that is not a possible score.

    Args:
        threshold: float or None.
        most: float, the highest possible score; the lowest is `-most`.

    Raises:
        ValueError: if it is not finite or not in [-most, most].
    """
    if threshold is not None and not -most <= threshold <= most:
        raise ValueError(
            f"threshold must be in [{-most:g}, {most:g}]. Received: threshold={threshold}"
        )


def _domains(masked: bool | None) -> tuple[Domain, ...]:
    """The domains a face may be of."""
    return DOMAINS if masked is None else ("masked",) if masked else ("unmasked",)
