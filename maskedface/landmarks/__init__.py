"""Where faces are on an image, and their five points: detectors, the aligner, a whole index at once."""

from maskedface.landmarks.aligner import SURE, Aligner, load_aligner
from maskedface.landmarks.aligner_network import build_aligner
from maskedface.landmarks.blazeface import BlazeFaceDetector
from maskedface.landmarks.cascade import Cascade
from maskedface.landmarks.crops import write_crops
from maskedface.landmarks.detection import Detection, Detector, detect
from maskedface.landmarks.finding import Aligned, align, find_landmarks
from maskedface.landmarks.mesh import MeshDetector
from maskedface.landmarks.mtcnn import MtcnnDetector
from maskedface.landmarks.sheet import draw_sheet
from maskedface.landmarks.squash import with_pixel_aspects
from maskedface.landmarks.store import Finding, Store

__all__ = [
    "SURE",
    "Aligned",
    "Aligner",
    "BlazeFaceDetector",
    "Cascade",
    "Detection",
    "Detector",
    "Finding",
    "MeshDetector",
    "MtcnnDetector",
    "Store",
    "align",
    "build_aligner",
    "detect",
    "draw_sheet",
    "find_landmarks",
    "load_aligner",
    "with_pixel_aspects",
    "write_crops",
]
