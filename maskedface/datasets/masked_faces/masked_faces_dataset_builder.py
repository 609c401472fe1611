"""The TensorFlow Datasets builder: the rows of a `FaceIndex` with their files' original bytes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from absl import logging

from maskedface.datasets.face_index import DOMAINS, Exclusion, Face, FaceIndex
from maskedface.datasets.face_places import face_source
from maskedface.datasets.masked_faces.options import CONFIGS, MaskedFacesConfig
from maskedface.datasets.masked_faces.split_rows import Parts, left_out, read_parts
from maskedface.geometry import FacePoints, alignment_points
from maskedface.images.reading import decode, is_turned, open_image

# What tf.io.decode_image gives as Pillow does; it knows no WebP and TIFF, and makes a film of a GIF.
_KEPT_FORMATS = ("JPEG", "MPO", "PNG")

INSTRUCTIONS = """\
These data sets may not be redistributed, so none is downloaded: put the files you obtained into
manual_dir, or into a subfolder named rmfrd, mfr2, mlfw or people_folder (a link will do).
manual_dir is ~/tensorflow_datasets/downloads/manual, unless download_and_prepare_kwargs=
{"download_config": tfds.download.DownloadConfig(manual_dir=...)} sets another:

  rmfrd          AFDB_masked_face_dataset/<person>/*.jpg and AFDB_face_dataset/<person>/*.jpg, at any depth,
                 from https://github.com/X-zhangyang/Real-World-Masked-Face-Dataset
  mfr2           <Name>/<Name>_0001.png, mfr2_labels.txt and pairs.txt, from
                 https://github.com/aqeelanwar/MaskTheFace
  mlfw           protocols/manifest.csv (path, person, domain, photo and one column per protocol, as
                 written by maskedface.datasets.write_manifest) and the files it lists, from
                 http://whdeng.cn/mlfw
  people_folder  masked/<person>/* and unmasked/<person>/*, your own photographs; one is enough
"""


class Builder(tfds.core.GeneratorBasedBuilder):
    """`masked_faces/rmfrd | mfr2 | mlfw | people_folder`; `config` makes other configurations.

    `info.metadata` contains the options, every file that was left out with the reason, the
    published pairs (MFR2), and a SHA-256 of each split's names and bytes, which tells whether two
    copies of a data set are identical.
    """

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES = {  # noqa: RUF012 (the base class's name for it)
        "1.0.0": "First release.",
        "1.1.0": "The feature pixel_aspect.",
    }
    MANUAL_DOWNLOAD_INSTRUCTIONS = INSTRUCTIONS
    BUILDER_CONFIGS = list(CONFIGS)  # noqa: RUF012
    builder_config: MaskedFacesConfig

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3), doc="RGB, 0-255"),
                    "person": tfds.features.ClassLabel(),  # named when the folder is read
                    "domain": tfds.features.ClassLabel(names=list(DOMAINS)),
                    "photo": tfds.features.Text(
                        doc="the photograph the image was made from, '' = unknown"
                    ),
                    "file_name": tfds.features.Text(
                        doc="path relative to the folder, as bytes of the file system"
                    ),
                    "points": tfds.features.Tensor(
                        shape=(None, 2),
                        dtype=np.float32,
                        doc="(x, y) of eyes, nose and mouth corners in pixels: the row's "
                        "landmarks, else those of its alignment; no rows if neither is known",
                    ),
                    "pixel_aspect": tfds.features.Scalar(
                        dtype=np.float32,
                        doc="width of a pixel relative to its height, as geometry.FacePoints "
                        "takes it; not 1 if the image is known to be squashed",
                    ),
                }
            ),
            supervised_keys=("image", "person"),
            homepage=self.builder_config.homepage,
            metadata=tfds.core.MetadataDict(),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        manual = os.fspath(dl_manager.manual_dir)
        inside = os.path.join(manual, self.builder_config.source)
        root = inside if os.path.isdir(inside) else manual
        try:
            parts = read_parts(root, self.builder_config)
        except (FileNotFoundError, ValueError) as error:
            error.add_note(INSTRUCTIONS)
            raise
        _warn(parts)
        people = tuple(sorted({p for index in parts.splits.values() for p in index.people}))
        self.info.features["person"].names = [_label(person) for person in people]
        self.info.metadata.update(
            options=self.builder_config.options(), **left_out(parts), sha256={}, converted=[]
        )
        return {
            name: self._generate_examples(name, index, people)
            for name, index in parts.splits.items()
        }

    def _generate_examples(
        self, split: str, index: FaceIndex, people: tuple[str, ...]
    ) -> Iterator[tuple[bytes, dict[str, Any]]]:
        digest = hashlib.sha256()
        labels = index.labels(people)
        for face, path, label in zip(index.faces, index.paths, labels, strict=True):
            with open(path, "rb") as file:
                data = file.read()
            name = os.fsencode(face.path)
            digest.update(hashlib.sha256(name).digest() + hashlib.sha256(data).digest())
            image, place = _image_and_place(face, data)
            if not isinstance(image, bytes):
                self.info.metadata["converted"].append(face.path)
            yield (
                name,
                {
                    "image": image,
                    "person": int(label),
                    "domain": face.domain,
                    "photo": os.fsencode(face.photo),
                    "file_name": name,
                    "points": place.points.astype("float32"),
                    "pixel_aspect": place.pixel_aspect,
                },
            )
        self.info.metadata["sha256"][split] = digest.hexdigest()


def _image_and_place(face: Face, data: bytes) -> tuple[bytes | np.ndarray, FacePoints]:
    """The file's original bytes, or its upright pixels (stored as PNG) if TensorFlow would decode
    it differently; and where its face lies."""
    with open_image(data) as image:
        kept = image.format in _KEPT_FORMATS and image.mode != "CMYK" and not is_turned(image)
        pixels = None if kept else decode(image, face.path)
        height, width = (image.height, image.width) if pixels is None else pixels.shape[:2]
    place = face_source(face)
    if not isinstance(place, FacePoints):
        place = FacePoints(alignment_points(place, height, width) if place else np.empty((0, 2)))
    return data if pixels is None else pixels, place


def _label(person: str) -> str:
    """A person's name as a line of a UTF-8 file, the format in which TFDS stores class names."""
    text = os.fsencode(person).decode("utf-8", "backslashreplace")
    return text if text.isprintable() and text == text.strip() else repr(text)


def _warn(parts: Parts) -> None:
    rows = sum(map(len, parts.splits.values()))
    missing = [Exclusion(path, "missing") for path in parts.missing]
    for found in (parts.undecodable, missing):
        if found:
            logging.warning(
                "%d files were left out, %d rows kept; info.metadata lists them. First: %a (%s)",
                len(found),
                rows,
                *found[0],
            )
