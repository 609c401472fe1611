# What the package offers: read by type checkers, and by `lazy_loader` when a name is first used.
from .cascade import Cascade as Cascade
from .crops import write_crops as write_crops
from .detection import Detection as Detection, Detector as Detector, detect as detect
from .finding import align as align, find_landmarks as find_landmarks
from .mtcnn import MtcnnDetector as MtcnnDetector
from .sheet import draw_sheet as draw_sheet
