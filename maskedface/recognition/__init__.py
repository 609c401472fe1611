"""From photographs to names: embedding, gallery, thresholds; `landmarks` finds the faces."""

from maskedface.recognition.calibration import Calibration
from maskedface.recognition.embedding import embed_index, embedder_of, fingerprint
from maskedface.recognition.face_reader import FaceReader
from maskedface.recognition.found import FaceError, FoundFace, Identity, Verification
from maskedface.recognition.gallery import Candidate, Gallery
from maskedface.recognition.photos import (
    EnrolledAgain,
    PhotoResult,
    each,
    enroll_again,
    faces_again,
    identify_all,
    photo_files,
)
from maskedface.recognition.picture import LabeledFace, draw_faces, draw_identities
from maskedface.recognition.recognizer import Recognizer
from maskedface.recognition.remembered import Remembered

__all__ = [
    "Calibration",
    "Candidate",
    "EnrolledAgain",
    "FaceError",
    "FaceReader",
    "FoundFace",
    "Gallery",
    "Identity",
    "LabeledFace",
    "PhotoResult",
    "Recognizer",
    "Remembered",
    "Verification",
    "draw_faces",
    "draw_identities",
    "each",
    "embed_index",
    "embedder_of",
    "enroll_again",
    "faces_again",
    "fingerprint",
    "identify_all",
    "photo_files",
]
