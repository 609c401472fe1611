"""Runs a face network of any origin in an ONNX file with ONNX Runtime."""

from __future__ import annotations

import hashlib
import logging
import os
from typing import Any, NamedTuple

import numpy as np

from maskedface.atomic_file import write_json
from maskedface.engines.embedder import Embedder
from maskedface.engines.face_input import (
    Channels,
    FaceInput,
    InputRange,
    read_words,
    to_remember,
)
from maskedface.engines.onnx_session import open_session

_BATCH = 32  # faces at a time, where the file takes any number
_TYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(uint8)": "uint8"}
_WORDS = {
    "alignment": "--model-alignment arcface, dlib or vggface2",
    "input_range": "--input-range=-1,1, 0,1, 0,255 or standardized",
    "channels": "--channels RGB or BGR",
    "size": "--input-size PIXELS",
}


class OnnxEmbedder(Embedder):
    """A network of another program in an ONNX file: images -> one vector each.

    Height and width, the position of the channel axis, and whether the batch size is fixed to 1 are
    read from the file. Alignment, input range and channel order, which ONNX does not describe, must
    be given once. They are stored in `FILE.json` next to the file (`FILE.onnx.json`), with the
    file's SHA-256. Files written by `exporting.export` contain all of this.

    Args:
        path: the `.onnx` file.
        alignment: the alignment of its faces, a key of `geometry.ALIGNMENTS`.
        input_range: the values of 0 and 255 after scaling: (-1, 1) for the networks of insightface
            and AdaFace. Six numbers for per-channel means: the values of 0 in red, green and blue,
            then those of 255. "standardized" for FaceNet's `prewhiten`.
        channels: "RGB" or "BGR" (AdaFace).
        size: int, height and width of the faces in pixels, if the file accepts any size.
        output: str, the name of the output to use, if several are vectors.

    Raises:
        FileNotFoundError: if there is no such file.
        ModuleNotFoundError: if ONNX Runtime is not installed; the message has the pip command.
        ValueError: if it is not an ONNX file, its input is not a single batch of square color
            images, it outputs no vector, an argument is missing, or one contradicts the stored
            format.

    >>> import keras
    >>> from maskedface import engines, exporting, models, synthetic
    >>> net = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.GlobalAveragePooling2D()])
    >>> face = synthetic.draw_face(0, 0, True, size=64)
    >>> _ = exporting.export(
    ...     models.with_alignment(net, "arcface"), "net.onnx", face[None], format="onnx")
    >>> embedder = engines.OnnxEmbedder("net.onnx")
    >>> embedder(face[None]).shape, embedder.alignment
    ((1, 3), 'arcface')
    """

    engine = "onnx"

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        alignment: str | None = None,
        input_range: InputRange | None = None,
        channels: Channels | None = None,
        size: int | None = None,
        output: str | None = None,
    ) -> None:
        self.path = os.fspath(path)
        if not os.path.isfile(self.path):
            raise FileNotFoundError(f"path must be an ONNX file. Received: {self.path!r}")
        with open(self.path, "rb") as file:
            self.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        self._session = open_session(self.path)
        self._shape = _image_shape(self.path, self._session)
        metadata = self._session.get_modelmeta().custom_metadata_map
        given = {
            "alignment": alignment,
            "input_range": input_range
            if isinstance(input_range, (str, type(None)))
            else (*input_range,),
            "channels": channels,
            "size": size,
        }
        self.face_input = _face_input(self.path, self.sha256, given, self._shape.size, metadata)
        self._output = _output_name(self.path, self._session, output)
        words = f"{self.face_input} {self._output}"
        fingerprint = hashlib.blake2b(f"{self.sha256} {words}".encode(), digest_size=16).hexdigest()
        super().__init__(
            size=self.face_input.size,
            alignment=self.face_input.alignment,
            features=self._features(),
            fingerprint=fingerprint,
        )

    def remember(self) -> None:
        """Writes `FILE.json` next to the file, so that the input format need not be given again.

        If it cannot be written, this is logged (`logging.getLogger("maskedface")`) without an
        error.
        """
        beside = f"{self.path}.json"
        if os.path.exists(beside):
            return
        try:
            write_json(beside, to_remember(self.face_input, self.sha256))
        except OSError as error:
            logging.getLogger("maskedface").warning(
                "%s could not be written (%s): the input format must be given again next time",
                beside,
                error.strerror,
            )

    def embed(self, faces: np.ndarray) -> np.ndarray:
        return self.embed_as(faces, self.face_input)

    def embed_as(self, faces: np.ndarray, face_input: FaceInput) -> np.ndarray:
        """Embeds faces with another input format.

        Args:
            faces: as for a call.
            face_input: the input format, with the same size.

        Returns:
            float32 array, shape (faces, features).
        """
        step = self._shape.batch or _BATCH
        found = []
        for start in range(0, len(faces), step):
            part = faces[start : start + step]
            missing = (self._shape.batch or len(part)) - len(part)
            values = face_input.apply(np.concatenate([part, part[:1].repeat(missing, 0)]))
            found.append(self._run(values)[: len(part)])
        return np.concatenate(found)

    def facts(self) -> dict[str, Any]:
        given = self.face_input
        return {
            **super().facts(),
            "file": self.path,
            "sha256": self.sha256,
            "input_range": given.input_range,
            "channels": given.channels,
            "words": given.words(),
        }

    def _run(self, values: np.ndarray) -> np.ndarray:
        if self._shape.channels_first:
            values = values.transpose(0, 3, 1, 2)
        if self._shape.type == "uint8":
            values = values.round().clip(0, 255)
        values = np.ascontiguousarray(values, self._shape.type)
        (made,) = self._session.run([self._output], {self._shape.name: values})
        rows = np.asarray(made, "float32")
        return rows.reshape(len(rows), -1)

    def _features(self) -> int:
        count = self._shape.batch or 1
        face = np.full((count, self.face_input.size, self.face_input.size, 3), 127, "uint8")
        try:
            return int(self._run(self.face_input.apply(face)).shape[1])
        except Exception as error:  # ONNX Runtime has its own
            raise ValueError(
                f"an ONNX network must accept faces of {self.face_input.size} px. "
                f"Received: {self.path!r}: {error}"
            ) from error

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_session"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _session=open_session(state["path"]))


class _ImageShape(NamedTuple):
    """The shape of a file's image input."""

    name: str
    type: str
    batch: int | None  # None: any number
    size: int | None  # None: any
    channels_first: bool


def _image_shape(path: str, session: Any) -> _ImageShape:
    inputs = session.get_inputs()
    shown = [f"{one.name}: {one.type} {one.shape}" for one in inputs]
    wrong = (
        f"an ONNX network must have one input of square color images. Received: {path!r}: {shown}"
    )
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type not in _TYPES:
        raise ValueError(wrong)
    batch, *sides = (side if isinstance(side, int) else None for side in inputs[0].shape)
    channels_first = sides[0] == 3
    if not channels_first and sides[2] != 3:
        raise ValueError(wrong)
    height, width = sides[1:] if channels_first else sides[:2]
    if None not in (height, width) and height != width:
        raise ValueError(wrong)
    return _ImageShape(
        inputs[0].name, _TYPES[inputs[0].type], batch, height or width, channels_first
    )


def _output_name(path: str, session: Any, wanted: str | None) -> str:
    outputs = session.get_outputs()
    names = [one.name for one in outputs]
    vectors = [one.name for one in outputs if _is_vector(one.shape)]
    if wanted is None and len(vectors) == 1:
        return str(vectors[0])
    if wanted is None or wanted not in names:
        raise ValueError(
            "output must be given unless exactly one of a network's outputs is a vector. "
            f"Received: output={wanted!r}, {path!r} with outputs "
            f"{[f'{one.name} {one.shape}' for one in outputs]}"
        )
    return wanted


def _is_vector(shape: list[Any]) -> bool:
    return len(shape) in (2, 4) and all(side == 1 for side in shape[2:])


def _face_input(
    path: str,
    sha256: str,
    given: dict[str, Any],
    size: int | None,
    metadata: dict[str, str],
) -> FaceInput:
    remembered = read_words(path, metadata)
    if remembered.pop("sha256", sha256) != sha256:
        raise ValueError(
            f"{path}.json must belong to this file; delete it, or update it for the new file. "
            "Received: the SHA-256 of another file"
        )
    for told, source in ((remembered, f"{path}.json"), ({"size": size}, "the file itself")):
        for name, value in told.items():
            if value is None:
                continue
            if given.get(name) not in (None, value):
                raise ValueError(
                    f"{name} must be {value!r}, as stated by {source}. "
                    f"Received: {name}={given[name]!r}"
                )
            given[name] = value
    missing = [_WORDS[name] for name, value in given.items() if value is None]
    if missing:
        raise ValueError(
            "the input format of another program's ONNX file must be given once: "
            f"{'; '.join(missing)}. Received: {path!r} without them"
        )
    return FaceInput(**given)
