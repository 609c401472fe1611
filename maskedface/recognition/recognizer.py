"""A photograph in, names out: find its faces, align and embed them, compare them with a gallery."""

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
from maskedface.recognition.default_rates import DefaultRates, run_rates, shipped_rates_of
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
from maskedface.recognition.named_embedders import open_embedder
from maskedface.recognition.photo import Photo, PhotoFile, read_photo
from maskedface.recognition.stages import cut_face, embed_faces, find_faces, whole_face

if TYPE_CHECKING:
    import keras

if TYPE_CHECKING:
    from maskedface.training import Run

FallBack = Literal["never", "always"]

# A photograph shows one person where the largest face has this many times the next one's area.
_DOMINATES = 4.0


class Recognizer:
    """Recognizes the people of a gallery in photographs that are neither cropped nor aligned.

    A photograph is an image file's path or bytes, a PIL image, or a uint8 array, shape (height, width, 3),
    RGB. A recognizer works in the process that made it: a child forked from that gets a RuntimeError where
    TensorFlow would hang.

    Args:
        model: images -> embeddings, or a classifier of this library, whose head is taken off; or any
            `engines.Embedder`, such as a network in an ONNX file.
        alignment: the alignment of a Keras model's input, a key of `geometry.ALIGNMENTS`; by default
            what the model states (`models.alignment_of`).
        gallery: the people known, made with this model, or an empty one of no model yet, such as
            `Gallery(masks=10)`; by default `Gallery()`.
        detector: what finds the faces; by default a `landmarks.Cascade`, made when first needed.
        aligned_to: "" where faces must be found; else the key of `geometry.ALIGNMENTS` that every
            photograph is aligned to already, and no face is searched for.
        rates: how alike strangers are to the network, for thresholds where the gallery has none of its own
            (`recognition.default_rates`), or the finished run that it is of, on whose test people they are
            measured when first asked for; those shipped for its weights come before a run's.
        fall_back: where no face is found: "never" takes the photograph for none, "always" the whole of it
            for one. Either way a nearly black or uniform image shows nobody.

    Raises:
        ValueError: if the model takes or gives something else, or states no alignment and none is given,
            a word is none of these, or the gallery was made with another model.

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
        geometry.alignment_points(aligned_to or self.alignment, 1, 1)  # refuses an unknown one
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
        """A recognizer with a network that has a name: dlib's, a finished run's or a file's.

        A new gallery remembers the name, and has a run's cohort and its masks drawn on those enrolled.
        What an ONNX file takes is remembered beside it (`engines.OnnxEmbedder.remember`); when it is said
        for the first time, the input range is checked on drawn faces, and a doubt is logged.

        Args:
            name: "dlib", a finished run's folder, a .keras or an .onnx file, or an ensemble's .json file
                (`recognition.save_ensemble`).
            alignment: of a file, in place of what it states; by default what its gallery remembers.
            input_range, channels, size: of an .onnx file, as for `engines.OnnxEmbedder`.
            gallery: as for `Recognizer`. One that Keras enrolled may be searched by another engine, and the
                other way around: that it is near enough was compared.
            engine: what runs the network; by default Keras. `EngineChoice("openvino")` takes some seconds
                to make, and pays with many photographs.
            words: detector, aligned_to, fall_back, as for `Recognizer`; rates, in place of a run's own.

        Raises:
            FileNotFoundError: if there is no such model, or the folder is no finished run's.
            ModuleNotFoundError: if ONNX Runtime or the engine is not installed; the message has the pip
                line.
            ValueError: as `Recognizer`, `engines.OnnxEmbedder` and `engines.compile_model`, if a word is
                given for something else than such a file, or int8 has no real faces to be calibrated on.

        >>> from maskedface.recognition import Gallery, Recognizer
        >>> friends = Gallery.load("friends.npz")  # doctest: +SKIP
        >>> Recognizer.load(friends.source, gallery=friends)  # doctest: +SKIP
        """
        # What a gallery remembers of a file comes before what lies beside the file.
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
        """How alike strangers are to the network: as given, as shipped for its weights, or as measured on
        the people that its run was tested on; None where nobody measured it."""
        if isinstance(self._rates, DefaultRates):
            return self._rates
        shipped = shipped_rates_of(self.fingerprint)
        return run_rates(self._rates) if shipped is None and self._rates is not None else shipped

    @property
    def detector(self) -> Detector:
        """What finds the faces."""
        if self._detector is None:
            self._detector = Cascade()
        return self._detector

    def detect(self, photo: Photo) -> tuple[DetectedFace, ...]:
        """Finds the faces of a photograph.

        Args:
            photo: the photograph.

        Returns:
            The faces, from left to right; none where no face is found and `fall_back` does not take
            the photograph for one, or nearly all of it has one color.

        Raises:
            ImageError: if it is no image, damaged or too large.
            OSError: if the file cannot be read.
            ValueError: if an array has another shape or type, or the detector gives something else than
                faces (`landmarks.detect`).
            ModuleNotFoundError: if the detector wants a package that is not installed.
        """
        return self.find([read_photo(photo).image])[0]

    def find(self, images: Sequence[np.ndarray]) -> list[tuple[DetectedFace, ...]]:
        """Finds the faces of several photographs in one go; `detect` of one.

        Args:
            images: uint8 arrays, shape (height, width, 3), RGB, of any sizes.

        Returns:
            One tuple an image: its faces, as `detect` gives them.

        Raises:
            ValueError, ModuleNotFoundError: as `detect`, where one image is refused.
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
        """The model's view of a face.

        Args:
            photo: the photograph.
            face: of those that `detect` gave for it; by default the largest.

        Returns:
            uint8 array, shape (size, size, 3), RGB: the model's input.

        Raises:
            FaceError: if no face is found.
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
        """Embeds faces of a photograph.

        Args:
            photo: the photograph.
            faces: some of those that `detect` gave for it, of this recognizer or another; by default all.

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
        """Embeds faces of several photographs in one go; `embed` of one.

        Args:
            images: uint8 arrays, shape (height, width, 3), RGB, of any sizes.
            faces: some of those that `find` gave for each.

        Returns:
            One tuple an image: its faces, in their order.

        Raises:
            ValueError: as `embed`, where one face is refused.
        """
        self._check_process()
        return embed_faces(self.embedder, images, faces)

    def one_face(self, photo: Photo, faces: Sequence[DetectedFace] | None = None) -> EmbeddedFace:
        """The face of a photograph of one person: the only one, or one far larger than the others.

        Args:
            photo: the photograph.
            faces: as for `embed`.

        Returns:
            The face, embedded.

        Raises:
            FaceError: if there is no face, or the largest does not have four times the area of the
                next one.
            ImageError, OSError, ValueError, ModuleNotFoundError: as `detect`.
        """
        file = read_photo(photo)
        face = one_of(self.detect(file) if faces is None else faces, file)
        return self.embed(file, [face])[0]

    def enroll(self, person: str, photos: Iterable[Photo]) -> tuple[EmbeddedFace, ...]:
        """Adds a person's faces to the gallery; where one photograph is refused, none.

        Args:
            person: their name (`names.person_name`). If they are enrolled already, the faces join the
                old ones.
            photos: photographs of them, one face each.

        Returns:
            The faces enrolled, with what the gallery keeps and remembers of them.

        Raises:
            ValueError: if there is no name or photograph, and as `one_face`.
            OSError, ModuleNotFoundError: as `detect`.
        """
        from maskedface.recognition.enrollment import face_to_enroll

        name = person_name(person)
        found = tuple(face_to_enroll(self, photo) for photo in photos)
        if not found:
            raise ValueError(
                f"person must have a photograph at least. Received: person={person!r}, 0 photographs"
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
        """Says who the faces of a photograph are.

        Args:
            photo: the photograph.
            faces: as for `embed`.
            candidates: int >= 1, how many of the most alike people to return.
            threshold: a score (`Candidate.score`), in its range; by default the gallery's calibrated one,
                else one by the network's `rates` for an FPIR of .01. With none of them, and in a gallery
                too large for what was measured, nobody is named.

        Returns:
            One `Identity` a face, from left to right.

        Raises:
            ValueError: if nobody is enrolled, the threshold is no score, and as `detect`.
            OSError, ModuleNotFoundError: as `detect`.
        """
        self.gallery.check_threshold(threshold)
        return self.named(self.embed(photo, faces), candidates, threshold)

    def named(
        self, faces: Sequence[EmbeddedFace], candidates: int, threshold: float | None
    ) -> tuple[Identity, ...]:
        """Says who embedded faces are.

        Args:
            faces: of `embed`.
            candidates, threshold: as for `identify`.

        Returns:
            One `Identity` a face.

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
        """Says whether two photographs, one face each, show the same person.

        Args:
            first, second: as for `one_face`.
            threshold: float in [-1, 1], a cosine; by default the gallery's calibrated one, else one by the
                network's `rates` for a FAR of .001. With none of them there is no verdict.

        Returns:
            The `Verification`.

        Raises:
            ValueError: if the threshold is no cosine.
            FaceError, ImageError, OSError, ValueError, ModuleNotFoundError: as `one_face`.
        """
        check_threshold(threshold, 1)
        return self.compare_faces(self.one_face(first), self.one_face(second), threshold=threshold)

    def compare_faces(
        self, one: EmbeddedFace, other: EmbeddedFace, *, threshold: float | None = None
    ) -> Verification:
        """Says whether two faces that `one_face` or `embed` gave are the same person's.

        Args:
            one, other: the faces.
            threshold: as for `verify`.

        Returns:
            The `Verification`.

        Raises:
            ValueError: if the threshold is no cosine.
        """
        check_threshold(threshold, 1)
        calibration = self.gallery.calibration
        faces = one, other
        score = float(np.clip(faces[0].embedding @ faces[1].embedding, -1, 1))
        judged = judge_pair(
            self.rates, faces, score, threshold, None if calibration is None else calibration.verify
        )
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
        """Refuses what would hang: a forked child has none of the threads of TensorFlow or JAX."""
        if os.getpid() != self._process:
            raise RuntimeError(
                "a recognizer must be used in the process that made it: make it in the child, or start "
                "children by multiprocessing's 'spawn'. "
                f"Received: process {os.getpid()}, forked after process {self._process} made it"
            )


def one_of(faces: Sequence[DetectedFace], file: PhotoFile) -> DetectedFace:
    """The face of a photograph of one person: the only one, or one far larger than the others.

    Args:
        faces: those found on it.
        file: the photograph, for the message.

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
