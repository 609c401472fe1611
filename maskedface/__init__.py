"""Masked face recognition with Keras.

Subpackages are imported lazily, so `import maskedface` loads neither TensorFlow nor Keras:

>>> import maskedface
>>> maskedface.datasets.rmfrd  # doctest: +ELLIPSIS
<function rmfrd at ...>
"""

import os

import lazy_loader

# TensorFlow switches oneDNN's convolutions on by itself on newer processors alone; a training step is
# faster with them on others too (`python -m tools.benchmarks onednn`). It reads this when it is imported.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
