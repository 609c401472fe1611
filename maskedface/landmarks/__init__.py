"""Where faces are on an image, and their five points: detectors, the aligner, a whole index at once."""

from maskedface.landmarks.cascade import Cascade
from maskedface.landmarks.crops import write_crops
from maskedface.landmarks.detection import Detection, Detector, detect
from maskedface.landmarks.finding import align, find_landmarks
from maskedface.landmarks.mtcnn import MtcnnDetector
from maskedface.landmarks.sheet import draw_sheet

__all__ = [
    "Cascade",
    "Detection",
    "Detector",
    "MtcnnDetector",
    "align",
    "detect",
    "draw_sheet",
    "find_landmarks",
    "write_crops",
]
