# What the package offers: read by type checkers, and by `lazy_loader` when a name is first used.
from .comparing import Difference as Difference, RealFaces as RealFaces
from .compiled_embedder import CompiledEmbedder as CompiledEmbedder
from .compiling import CompiledModel as CompiledModel, compile_model as compile_model
from .embedder import Embedder as Embedder
from .engine import Engine as Engine
from .ensemble import Ensemble as Ensemble
from .keras_embedder import KerasEmbedder as KerasEmbedder
from .keras_engine import KerasEngine as KerasEngine
from .normalization import (
    NormalizationCheck as NormalizationCheck,
    check_normalization as check_normalization,
)
from .onnx_embedder import OnnxEmbedder as OnnxEmbedder
from .onnx_engine import OnnxEngine as OnnxEngine
from .openvino_engine import OpenVinoEngine as OpenVinoEngine
from .registry import ENGINES as ENGINES
