"""The recognizer: detects, aligns and embeds faces, and compares them with a gallery."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from maskedface import geometry
from maskedface.engines import Embedder
from maskedface.engines.face_input import Channels, InputRange
from maskedface.landmarks import Cascade, Detector
from maskedface.landmarks.detection import check_image
from maskedface.names import did_you_mean, person_name
from maskedface.recognition.calibration import check_threshold
from maskedface.recognition.default_rates import DefaultRates, shipped_rates_of
from maskedface.recognition.engine_choice import EngineChoice
from maskedface.recognition.faces import (
    DetectedFace,
    EmbeddedFace,
    FaceError,
    Identity,
    Verification,
)
from maskedface.recognition.gallery import Gallery
from maskedface.recognition.judging import is_unlike, judge_candidate, judge_pair
from maskedface.recognition.kept_rates import kept_run_rates
from maskedface.recognition.named_embedders import open_embedder
from maskedface.recognition.photo import Photo, PhotoFile, read_photo
from maskedface.recognition.stages import cut_face, embed_faces, find_faces, whole_face

if TYPE_CHECKING:
    import keras

if TYPE_CHECKING:
    from maskedface.training import Run

FallBack = Literal["never", "always"]

# A photograph shows one person if the largest face has this many times the area of the next one.
_DOMINATES = 4.0


class Recognizer:
    """Recognizes the people of a gallery in photographs that are neither cropped nor aligned.

    A photograph is an image file's path or bytes, a PIL image, or a uint8 array, shape (height, width, 3),
    RGB. A recognizer can only be used in the process that made it: a forked child gets a
    RuntimeError where TensorFlow would hang.

    Args:
        model: a model from images to embeddings; or a classifier of this library, whose head is
            removed; or any `engines.Embedder`, such as a network in an ONNX file.
        alignment: the alignment of a Keras model's input, a key of `geometry.ALIGNMENTS`; default:
            the one that the model states (`models.alignment_of`).
        gallery: the enrolled people, made with this model, or an empty gallery without a model,
            such as `Gallery(masks=10)`; default: `Gallery()`.
        detector: the face detector; default: a `landmarks.Cascade`, created when first needed.
        aligned_to: "" to detect faces; else the key of `geometry.ALIGNMENTS` to which all
            photographs are already aligned, and no faces are detected.
        rates: the network's error rates (`recognition.default_rates`), for default thresholds if
            the gallery is not calibrated; or the finished run that the network comes from, on whose
            test people they are measured when first needed. Rates shipped for the network's weights
            take precedence over a run's.
        fall_back: if no face is detected, "never" returns no face, and "always" uses the whole
            photograph as one. A nearly black or uniform image never has a face.

    Raises:
        ValueError: if the model has other inputs or outputs, or states no alignment and none is
            given, an argument has another value, or the gallery was made with another model.

    >>> from maskedface import models, recognition, synthetic
    >>> network = models.ResNet50(None, (64, 64, 3), filters=2, blocks=(1, 1, 1, 1))
    >>> recognizer = recognition.Recognizer(network, aligned_to="vggface2")
    >>> ada = synthetic.draw_face(0, 0, False)
    >>> _ = recognizer.enroll("Ada", [ada])
    >>> recognizer.identify(ada, threshold=0.9)[0].person
    'Ada'
    """

    def __init__(
        self,
        model: keras.Model | Embedder,
        *,
        alignment: str | None = None,
        gallery: Gallery | None = None,
        detector: Detector | None = None,
        aligned_to: str = "",
        fall_back: FallBack = "never",
        rates: DefaultRates | Run | None = None,
    ) -> None:
        if fall_back not in get_args(FallBack):
            raise ValueError(
                f"fall_back must be one of {get_args(FallBack)}. Received: fall_back={fall_back!r}"
                f"{did_you_mean(fall_back, get_args(FallBack))}"
            )
        if isinstance(model, Embedder):
            if alignment not in (None, model.alignment):
                raise ValueError(
                    f"alignment must be the embedder's, {model.alignment!r}. "
                    f"Received: alignment={alignment!r}"
                )
            self.embedder = model
        else:
            from maskedface.engines import KerasEmbedder

            self.embedder = KerasEmbedder(model, alignment)
        self.alignment, self.fingerprint = self.embedder.alignment, self.embedder.fingerprint
        geometry.alignment_points(aligned_to or self.alignment, 1, 1)  # refuses unknown alignments
        self.gallery = Gallery() if gallery is None else gallery
        if not self.gallery.fingerprint and not len(self.gallery):
            self.gallery.fingerprint, self.gallery.alignment = self.fingerprint, self.alignment
        self.gallery.check_model(self.fingerprint)
        self._process = os.getpid()
        self._rates = rates
        self._detector, self._aligned_to, self._fall_back = detector, aligned_to, fall_back

    @classmethod
    def load(
        cls,
        name: str | os.PathLike[str],
        *,
        alignment: str | None = None,
        input_range: InputRange | None = None,
        channels: Channels | None = None,
        size: int | None = None,
        gallery: Gallery | None = None,
        engine: EngineChoice | None = None,
        **words: Any,
    ) -> Recognizer:
        """Makes a recognizer with a named network: dlib's, a finished run's or a file's.

        A new gallery stores the name, and a run's cohort and number of drawn masks. The input
        format of an ONNX file is stored beside it (`engines.OnnxEmbedder.remember`). On first use
        the input range is checked on drawn faces, and doubts are logged.

        Args:
            name: "dlib", a finished run's folder, a .keras or an .onnx file, or an ensemble's .json file
                (`recognition.save_ensemble`).
            alignment: the input alignment of a file, overriding the one it states; default: the
                gallery's.
            input_range, channels, size: of an .onnx file, as for `engines.OnnxEmbedder`.
            gallery: as for `Recognizer`. A gallery enrolled with Keras may be searched with another
                engine and vice versa, as every engine is compared with Keras.
            engine: the inference engine; default: Keras. `EngineChoice("openvino")` takes some
                seconds to compile, and pays off with many photographs.
            words: detector, aligned_to, fall_back, as for `Recognizer`; rates, instead of a run's
                own.

        Raises:
            FileNotFoundError: if the model does not exist, or the folder is not a finished run.
            ModuleNotFoundError: if ONNX Runtime or the engine is not installed; the message has the pip
                line.
            ValueError: as `Recognizer`, `engines.OnnxEmbedder` and `engines.compile_model`, if an
                argument does not apply to the network, or int8 has no real faces for calibration.

        >>> from maskedface.recognition import Gallery, Recognizer
        >>> friends = Gallery.load("friends.npz")  # doctest: +SKIP
        >>> Recognizer.load(friends.source, gallery=friends)  # doctest: +SKIP
        """
        # The alignment stored in a gallery takes precedence over the one stored beside the file.
        if alignment is None and gallery is not None and os.path.isfile(name):
            alignment = gallery.alignment or None
        found = open_embedder(
            name, alignment, engine, input_range=input_range, channels=channels, size=size
        )
        if gallery is None:
            masks = 0 if found.run is None else found.run.recipe.enroll_masks
            cohort = None if found.run is None else found.run.cohort
            gallery = Gallery(source=found.source, cohort=cohort, masks=masks)
        return cls(found.embedder, gallery=gallery, **{"rates": found.run, **words})

    @functools.cached_property
    def rates(self) -> DefaultRates | None:
        """The network's error rates: those given, those shipped for its weights, or those measured
        on its run's test people; None if none were measured."""
        if isinstance(self._rates, DefaultRates):
            return self._rates
        shipped = shipped_rates_of(self.fingerprint)
        if shipped is not None or self._rates is None:
            return shipped
        return kept_run_rates(self._rates)

    @property
    def detector(self) -> Detector:
        """The face detector."""
        if self._detector is None:
            self._detector = Cascade()
        return self._detector

    def detect(self, photo: Photo) -> tuple[DetectedFace, ...]:
        """Detects the faces in a photograph.

        Args:
            photo: the photograph.

        Returns:
            The faces, from left to right. Empty if no face is detected and `fall_back` is "never",
            or the photograph is nearly uniform.

        Raises:
            ImageError: if it is not an image, is damaged or too large.
            OSError: if the file cannot be read.
            ValueError: if an array has another shape or type, or the detector returns invalid
                results (`landmarks.detect`).
            ModuleNotFoundError: if the detector needs a package that is not installed.
        """
        return self.find([read_photo(photo).image])[0]

    def find(self, images: Sequence[np.ndarray]) -> list[tuple[DetectedFace, ...]]:
        """Detects the faces in a batch of photographs; see `detect`.

        Args:
            images: uint8 arrays, shape (height, width, 3), RGB, of any sizes.

        Returns:
            One tuple of faces per image, as `detect` returns.

        Raises:
            ValueError, ModuleNotFoundError: as `detect`, if any image is refused.
        """
        self._check_process()
        for image in images:
            check_image(image)
        if self._aligned_to:
            return [whole_face(image, self._aligned_to) for image in images]
        found = find_faces(self.detector, images)
        if self._fall_back == "never":
            return found
        return [faces or whole_face(image, "") for image, faces in zip(images, found, strict=True)]

    def align(self, photo: Photo, face: DetectedFace | None = None) -> np.ndarray:
        """Aligns a face to the model's input.

        Args:
            photo: the photograph.
            face: one of the results of `detect` for it; default: the largest.

        Returns:
            uint8 array, shape (size, size, 3), RGB: the model's input.

        Raises:
            FaceError: if no face is detected.
            ImageError, OSError, ValueError, ModuleNotFoundError: as `detect`.
        """
        file = read_photo(photo)
        if face is None:
            face = max(self.detect(file), key=lambda one: one.area, default=None)
        if face is None:
            raise FaceError(f"a photograph must show a face. Received: none in {file.name}")
        return cut_face(self.embedder, file.image, face)

    def embed(
        self, photo: Photo, faces: Sequence[DetectedFace] | None = None
    ) -> tuple[EmbeddedFace, ...]:
        """Embeds the faces in a photograph.

        Args:
            photo: the photograph.
            faces: results of `detect` for it, of this recognizer or another; default: all.

        Returns:
            The faces, in their order.

        Raises:
            ImageError, OSError, ValueError, ModuleNotFoundError: as `detect`.
        """
        file = read_photo(photo)
        faces = self.detect(file) if faces is None else faces
        return self.embed_all([file.image], [faces])[0]

    def embed_all(
        self, images: Sequence[np.ndarray], faces: Sequence[Sequence[DetectedFace]]
    ) -> list[tuple[EmbeddedFace, ...]]:
        """Embeds the faces in a batch of photographs; see `embed`.

        Args:
            images: uint8 arrays, shape (height, width, 3), RGB, of any sizes.
            faces: results of `find` for each image.

        Returns:
            One tuple of faces per image, in order.

        Raises:
            ValueError: as `embed`, if any face is refused.
        """
        self._check_process()
        return embed_faces(self.embedder, images, faces)

    def one_face(self, photo: Photo, faces: Sequence[DetectedFace] | None = None) -> EmbeddedFace:
        """Embeds the main face of a photograph: the only one, or one far larger than the others.

        Args:
            photo: the photograph.
            faces: as for `embed`.

        Returns:
            The embedded face.

        Raises:
            FaceError: if there is no face, or the largest does not have four times the area of the
                next one.
            ImageError, OSError, ValueError, ModuleNotFoundError: as `detect`.
        """
        file = read_photo(photo)
        face = one_of(self.detect(file) if faces is None else faces, file)
        return self.embed(file, [face])[0]

    def enroll(self, person: str, photos: Iterable[Photo]) -> tuple[EmbeddedFace, ...]:
        """Adds a person's faces to the gallery, or none if any photograph is refused.

        Args:
            person: their name (`names.person_name`). If they are already enrolled, the faces are
                added to theirs.
            photos: photographs of them, one face each.

        Returns:
            The enrolled faces, with templates and remembered photographs.

        Raises:
            ValueError: if there is no name or photograph, and as `one_face`.
            OSError, ModuleNotFoundError: as `detect`.
        """
        from maskedface.recognition.enrollment import face_to_enroll

        name = person_name(person)
        found = tuple(face_to_enroll(self, photo) for photo in photos)
        if not found:
            raise ValueError(
                f"person must have at least one photograph. Received: person={person!r}, 0 "
                "photographs"
            )
        self.gallery.enroll_faces([name] * len(found), found)
        return found

    def identify(
        self,
        photo: Photo,
        *,
        faces: Sequence[DetectedFace] | None = None,
        candidates: int = 3,
        threshold: float | None = None,
    ) -> tuple[Identity, ...]:
        """Identifies the faces in a photograph.

        Args:
            photo: the photograph.
            faces: as for `embed`.
            candidates: int >= 1, the length of each candidate list.
            threshold: a score (`Candidate.score`), in its range; default: the gallery's calibrated
                one, else one from the network's `rates` for an FPIR of 0.01. Without any, or if the
                gallery is too large for the measured rates, nobody is named.

        Returns:
            One `Identity` per face, from left to right.

        Raises:
            ValueError: if nobody is enrolled, the threshold is out of range, or as `detect`.
            OSError, ModuleNotFoundError: as `detect`.
        """
        self.gallery.check_threshold(threshold)
        return self.named(self.embed(photo, faces), candidates, threshold)

    def named(
        self, faces: Sequence[EmbeddedFace], candidates: int, threshold: float | None
    ) -> tuple[Identity, ...]:
        """Identifies embedded faces.

        Args:
            faces: results of `embed`.
            candidates, threshold: as for `identify`.

        Returns:
            One `Identity` per face.

        Raises:
            ValueError: if nobody is enrolled.
        """
        named = []
        for face in faces:
            found = self.gallery.search(face.embedding, candidates)
            judged = judge_candidate(self.rates, self.gallery, face, found[0], threshold)
            accepted = judged.threshold is not None and found[0].score >= judged.threshold
            named.append(Identity(face, found[0].person if accepted else "", found, *judged))
        return tuple(named)

    def verify(
        self, first: Photo, second: Photo, *, threshold: float | None = None
    ) -> Verification:
        """Decides whether two photographs, of one person each, show the same person.

        Args:
            first, second: as for `one_face`.
            threshold: float in [-1, 1], a cosine similarity; default: the gallery's calibrated one,
                else one from the network's `rates` for a FAR of 0.001. Without any there is no
                decision.

        Returns:
            The `Verification`.

        Raises:
            ValueError: if the threshold is out of range.
            FaceError, ImageError, OSError, ValueError, ModuleNotFoundError: as `one_face`.
        """
        check_threshold(threshold, 1)
        return self.compare_faces(self.one_face(first), self.one_face(second), threshold=threshold)

    def compare_faces(
        self, one: EmbeddedFace, other: EmbeddedFace, *, threshold: float | None = None
    ) -> Verification:
        """Decides whether two faces from `one_face` or `embed` are the same person's.

        Args:
            one, other: the faces.
            threshold: as for `verify`.

        Returns:
            The `Verification`.

        Raises:
            ValueError: if the threshold is out of range.
        """
        check_threshold(threshold, 1)
        calibration = self.gallery.calibration
        faces = one, other
        score = float(np.clip(faces[0].embedding @ faces[1].embedding, -1, 1))
        judged = judge_pair(self.rates, faces, score, threshold, calibration)
        same = None if judged.threshold is None else score >= judged.threshold
        if (
            same is False
            and judged.threshold_from == "default"
            and not is_unlike(judged.likelihood)
        ):
            same = None
        return Verification(
            score, same, judged.threshold, faces, judged.threshold_from, judged.likelihood
        )

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_process"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _process=os.getpid())

    def _check_process(self) -> None:
        """Refuses use in a forked child, which would hang without the threads of TensorFlow or
        JAX."""
        if os.getpid() != self._process:
            raise RuntimeError(
                "a recognizer must be used in the process that made it: make it in the child "
                "process, or use multiprocessing's start method 'spawn'. "
                f"Received: process {os.getpid()}, forked after process {self._process} made it"
            )


def one_of(faces: Sequence[DetectedFace], file: PhotoFile) -> DetectedFace:
    """The main face of a photograph: the only one, or one far larger than the others.

    Args:
        faces: the faces detected in it.
        file: the photograph, for the error message.

    Raises:
        FaceError: as `Recognizer.one_face`.
    """
    found = sorted(faces, key=lambda face: face.area, reverse=True)
    if not found or (len(found) > 1 and found[0].area < _DOMINATES * found[1].area):
        raise FaceError(
            "a photograph must show one face, or one far larger than the others. "
            f"Received: {len(found) or 'no'} face{'s'[: len(found) != 1]} in {file.name}"
        )
    return found[0]
