# What the package offers: read by type checkers, and by `lazy_loader` when a name is first used.
from .batch import identify_all as identify_all, photo_files as photo_files
from .drawing import draw_identities as draw_identities
from .embedding import embed_index as embed_index
from .engine_choice import EngineChoice as EngineChoice
from .enrollment import enroll_again as enroll_again
from .faces import (
    DetectedFace as DetectedFace,
    FaceError as FaceError,
    Identity as Identity,
    Verification as Verification,
)
from .gallery import Gallery as Gallery
from .named_embedders import save_ensemble as save_ensemble
from .recognizer import Recognizer as Recognizer
from .stores.opening import open_store as open_store
