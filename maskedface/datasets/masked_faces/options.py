"""The options of the builder's configurations: source, selection and split, as plain values."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
from typing import Any, Literal, get_args

import tensorflow_datasets as tfds

from maskedface.datasets.face_index import DOMAINS, Domain
from maskedface.geometry import ALIGNMENTS
from maskedface.names import did_you_mean

Source = Literal["rmfrd", "mfr2", "mlfw", "people_folder"]
Split = Literal["by_image", "by_photo", "by_person"]


@dataclasses.dataclass(eq=False)
class MaskedFacesConfig(tfds.core.BuilderConfig):
    """One configuration. Make others with `config`, which names them after the options that differ.

    >>> from maskedface.datasets import masked_faces
    >>> mine = masked_faces.config("mlfw", protocol="open_set")
    >>> mine.name, mine.alignment
    ('mlfw-protocol=open_set', 'arcface')

    Attributes:
        source: the reader, and with it the layout of the files.
        alignment: the alignment of images that do not state one, a key of `geometry.ALIGNMENTS`;
            "" = unknown.
        landmarks: path of a manifest with the rows' landmarks (`datasets.apply_landmarks`); "" =
            none. The configuration's name depends on the file's content.
        domains: the domains kept, after the split.
        min_masked: keep only people with both domains and at least this many masked images; 0 keeps
            everybody.
        split: the split function `maskedface.datasets.split_<split>`.
        train_fraction, seed: arguments of the split function.
        protocol: the manifest's column with the split.
        homepage: the website of the data set.

    Options that do not apply to the source are None.
    """

    source: Source = "rmfrd"
    alignment: str = ""
    landmarks: str = ""
    domains: tuple[Domain, ...] | None = DOMAINS
    min_masked: int | None = None
    split: Split | None = None
    train_fraction: float | None = None
    seed: int | None = None
    protocol: str | None = None
    homepage: str = ""

    def options(self) -> dict[str, Any]:
        """The options that select the rows, for the data set's metadata."""
        values = {name: getattr(self, name) for name in ("source", *_OPTIONS)}
        return {**values, "domains": self.domains and list(self.domains)}  # as JSON gives it back


_OPTIONS = [
    name for name in MaskedFacesConfig.__annotations__ if name not in ("source", "homepage")
]

CONFIGS = (
    MaskedFacesConfig(
        "rmfrd",
        description="RMFRD, the paper's selection (8 masked images or more) and its 70/30 split by image",
        source="rmfrd",
        min_masked=8,  # section IV of the paper
        split="by_image",
        train_fraction=0.7,
        seed=0,
        homepage="https://github.com/X-zhangyang/Real-World-Masked-Face-Dataset",
    ),
    MaskedFacesConfig(
        "mfr2",
        description="MFR2, the faces of its published pairs, all in the split test",
        source="mfr2",
        domains=None,  # its pairs are of both
        homepage="https://github.com/aqeelanwar/MaskTheFace",
    ),
    MaskedFacesConfig(
        "mlfw",
        description="MLFW with a manifest: the same people in train and test, photos held out",
        source="mlfw",
        alignment="arcface",
        min_masked=0,
        protocol="closed_set",
        homepage="http://whdeng.cn/mlfw",
    ),
    MaskedFacesConfig(
        "people_folder",
        description="Your own folders of people, masked and unmasked, split 70/30 by image",
        source="people_folder",
        min_masked=0,
        split="by_image",
        train_fraction=0.7,
        seed=0,
        homepage="https://arxiv.org/abs/2104.08997",
    ),
)


def config(base: Source, **changes: Any) -> MaskedFacesConfig:
    """A configuration with other options, for `tfds.load(..., builder_kwargs={"config": ...})`.

    Its name contains every option that differs ("rmfrd-seed=1-split=by_person"), so that data
    prepared with other options are never read instead.

    >>> from maskedface.datasets import masked_faces
    >>> masked_faces.config("rmfrd", split="by_person", seed=1).name
    'rmfrd-seed=1-split=by_person'

    Args:
        base: "rmfrd", "mfr2", "mlfw" or "people_folder".
        **changes: options of `MaskedFacesConfig` with their new values.

    Returns:
        A `MaskedFacesConfig`; the base itself if nothing differs.

    Raises:
        ValueError: if the base or an option is unknown, or an option does not apply to the base or
            has an invalid value.
    """
    bases = {one.name: one for one in CONFIGS}
    if base not in bases:
        raise ValueError(
            f"base must be one of {sorted(bases)}. Received: base={base!r}{did_you_mean(base, bases)}"
        )
    allowed = [name for name in _OPTIONS if getattr(bases[base], name) is not None]
    unknown = sorted(set(changes) - set(allowed))
    if unknown:
        raise ValueError(
            f"an option of {base!r} must be one of {allowed}. "
            f"Received: {unknown}{did_you_mean(unknown[0], allowed)}"
        )
    if isinstance(changes.get("domains"), (tuple, list)):
        # Sorted, as otherwise two names would mean the same rows.
        changes["domains"] = tuple(sorted(changes["domains"], key=str))
    for name, value in changes.items():
        _check(name, value)
    if changes.get("landmarks"):
        changes["landmarks"] = os.path.abspath(changes["landmarks"])
    differing = {
        name: changes[name]
        for name in sorted(changes)
        if changes[name] != getattr(bases[base], name)
    }
    if not differing:
        return bases[base]
    words = [f"{name}={_word(name, value)}" for name, value in differing.items()]
    name = "-".join([base, *words])
    if not re.fullmatch(r"[\w.=+-]+", name):  # it becomes a folder's name
        raise ValueError(
            f"options must consist of letters, digits, '_', '.' and '-'. Received: {differing}"
        )
    return dataclasses.replace(bases[base], **{"name": name, **differing})


def _word(name: str, value: Any) -> str:
    """An option's value in the configuration's name."""
    if name == "domains":
        return "+".join(value)
    if name == "landmarks":  # of one path, another content is another data set
        with open(value, "rb") as file:
            return hashlib.blake2b(file.read(), digest_size=6).hexdigest()
    return str(value)


def _check(name: str, value: Any) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    rules: dict[str, tuple[bool, str]] = {
        "alignment": (value in ("", *ALIGNMENTS), f"one of {['', *ALIGNMENTS]}"),
        "landmarks": (value == "" or os.path.isfile(str(value)), "a manifest's path"),
        "domains": (
            bool(value) and value in (DOMAINS, *((one,) for one in DOMAINS)),
            f"of {DOMAINS}",
        ),
        "min_masked": (whole and value >= 0, "an int of at least 0"),
        "split": (value in get_args(Split), f"one of {get_args(Split)}"),
        "train_fraction": (isinstance(value, float) and 0 < value < 1, "a float in (0, 1)"),
        "seed": (whole, "an int"),
        "protocol": (isinstance(value, str) and bool(value), "a column's name"),
    }
    good, wanted = rules[name]
    if not good:
        raise ValueError(f"{name} must be {wanted}. Received: {name}={value!r}")
