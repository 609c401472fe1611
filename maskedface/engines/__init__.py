"""Inference engines for embeddings: Keras, OpenVINO and ONNX Runtime.

Names are imported lazily, so `engines.OnnxEmbedder` does not load Keras.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
