"""From photographs to names: faces detected, aligned and embedded, galleries, thresholds."""

from maskedface.recognition.batch import identify_all, photo_files
from maskedface.recognition.drawing import draw_identities
from maskedface.recognition.embedding import embed_index
from maskedface.recognition.enrollment import enroll_again
from maskedface.recognition.ensemble_file import save_ensemble
from maskedface.recognition.faces import DetectedFace, FaceError, Identity, Verification
from maskedface.recognition.gallery import Gallery
from maskedface.recognition.recognizer import Recognizer

__all__ = [
    "DetectedFace",
    "FaceError",
    "Gallery",
    "Identity",
    "Recognizer",
    "Verification",
    "draw_identities",
    "embed_index",
    "enroll_again",
    "identify_all",
    "photo_files",
    "save_ensemble",
]
