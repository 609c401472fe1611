"""What computes embeddings: Keras, or ONNX Runtime for a file of another program.

A name is imported when it is first used, so `engines.OnnxEmbedder` needs no Keras.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
