"""From photographs to names: faces detected, aligned and embedded, galleries, thresholds."""

from maskedface.recognition.batch import PhotoResult, identify_all, photo_files
from maskedface.recognition.calibration import Calibration
from maskedface.recognition.drawing import LabeledFace, draw_faces, draw_identities
from maskedface.recognition.embedding import embed_index, embedder_of, fingerprint
from maskedface.recognition.enrollment import (
    EnrolledPhoto,
    enroll_again,
    enroll_rows,
    face_to_enroll,
    faces_again,
    photos_of_people,
    read_people,
    threshold_probes,
)
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
    "LabeledFace",
    "PhotoResult",
    "Recognizer",
    "Remembered",
    "Verification",
    "draw_faces",
    "draw_identities",
    "embed_index",
    "embedder_of",
    "enroll_again",
    "enroll_rows",
    "face_to_enroll",
    "faces_again",
    "fingerprint",
    "identify_all",
    "photo_files",
    "photos_of_people",
    "read_people",
    "threshold_probes",
]
