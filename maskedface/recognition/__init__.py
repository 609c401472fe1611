"""From photographs to names: detection, embedding, gallery, thresholds."""

from maskedface.recognition.by_mask import ByMask
from maskedface.recognition.calibration import Calibration
from maskedface.recognition.detection import Detection, Detector, MtcnnDetector
from maskedface.recognition.embedding import embedder_of, fingerprint
from maskedface.recognition.found import FaceError, FoundFace, Identity, Verification
from maskedface.recognition.gallery import Candidate, Gallery
from maskedface.recognition.photos import PhotoResult, each, identify_all, photo_files
from maskedface.recognition.picture import LabelledFace, draw_faces, draw_identities
from maskedface.recognition.recognizer import Recognizer

__all__ = [
    "ByMask",
    "Calibration",
    "Candidate",
    "Detection",
    "Detector",
    "FaceError",
    "FoundFace",
    "Gallery",
    "Identity",
    "LabelledFace",
    "MtcnnDetector",
    "PhotoResult",
    "Recognizer",
    "Verification",
    "draw_faces",
    "draw_identities",
    "each",
    "embedder_of",
    "fingerprint",
    "identify_all",
    "photo_files",
]
