"""From photographs to names: faces detected, aligned and embedded, galleries, thresholds."""

from maskedface.recognition.batch import PhotoResult, identify_all, photo_files
from maskedface.recognition.calibration import Calibration
from maskedface.recognition.drawing import draw_identities
from maskedface.recognition.embedding import embed_index, fingerprint
from maskedface.recognition.enrollment import EnrolledPhoto, enroll_again
from maskedface.recognition.faces import (
    DetectedFace,
    EmbeddedFace,
    FaceError,
    Identity,
    Verification,
)
from maskedface.recognition.gallery import Candidate, Gallery
from maskedface.recognition.recognizer import Recognizer
from maskedface.recognition.remembered import Remembered

__all__ = [
    "Calibration",
    "Candidate",
    "DetectedFace",
    "EmbeddedFace",
    "EnrolledPhoto",
    "FaceError",
    "Gallery",
    "Identity",
    "PhotoResult",
    "Recognizer",
    "Remembered",
    "Verification",
    "draw_identities",
    "embed_index",
    "enroll_again",
    "fingerprint",
    "identify_all",
    "photo_files",
]
