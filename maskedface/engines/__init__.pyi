# What the package offers: read by type checkers, and by `lazy_loader` when a name is first used.
from .embedder import Embedder as Embedder
from .ensemble import Ensemble as Ensemble
from .keras_embedder import KerasEmbedder as KerasEmbedder
from .normalization import (
    NormalizationCheck as NormalizationCheck,
    check_normalization as check_normalization,
)
from .onnx_embedder import OnnxEmbedder as OnnxEmbedder
