"""The presets of VGGFace2's ResNet-50 and SENet-50, and of dlib's network."""

from __future__ import annotations

from maskedface.conversion import dlib, vggface2
from maskedface.models.preset import Preset, WeightFile

_VGGFACE2 = "as VGGFace2 (the authors: github.com/WeidiXie/Keras-VGGFace2-ResNet50 issue 2)"
_MS1M = "; trained on MS-Celeb-1M first, which Microsoft withdrew in 2019 (research use only)"
_PICKLES = "github.com/cydonia999/VGGFace2-pytorch (Google Drive), from Oxford's Caffe models"
_DAGS = "www.robots.ox.ac.uk/~albanie/pytorch-models.html, from Oxford's MatConvNet models"
_RCMALLI = "https://github.com/rcmalli/keras-vggface/releases/download/v2.0/"
_NO_HASH = "no sha256 of this file is known to us, so nothing can be checked against it"
_FT = "MS-Celeb-1M, then VGGFace2"
_SCRATCH = "VGGFace2"

PRESETS = (
    Preset(
        "dlib", "DlibResNet29",
        (WeightFile(dlib.FILE, dlib.SHA256, 22_466_066),),
        "unknown", "about 3 million faces: FaceScrub, VGGFace and the web", "dlib", 150,
        "CC0", "the model, by Davis King; the PyPI package that carries it: MIT",
        "PyPI, face-recognition-models 0.3.0", "", "RGB",
        "(x - (122.782, 117.001, 104.298)) / 256 in R, G, B",
    ),
    Preset(
        "vggface2_ft", "ResNet50",
        (WeightFile(
            "resnet50_ft_weight.pkl",
            "9a954e4046df21aea62b46c032de4b56f7230dfc3705b6b1bda348983e0eb26e", 165_000_856,
        ),),
        "ft", _FT, "vggface2", 224, "CC BY-SA 4.0", _VGGFACE2 + _MS1M, _PICKLES,
        "the sha256 is one that others trust for this name; we never held the file", "BGR",
        vggface2.SCALING,
    ),
    Preset(
        "vggface2_scratch", "ResNet50",
        (WeightFile(
            "resnet50_scratch_weight.pkl",
            "2feeab6b38e6e39c40d760078d55d1386c6d333a026359a7a6ca3b7580ef0183", 165_000_856,
        ),),
        "scratch", _SCRATCH, "vggface2", 224, "CC BY-SA 4.0", _VGGFACE2, _PICKLES,
        "the sha256 is that of a Git LFS pointer with this name; we never held the file", "BGR",
        vggface2.SCALING,
    ),
    Preset(
        "vggface2_ft_dag", "ResNet50", (WeightFile("resnet50_ft_dag.pth"),),
        "ft", _FT, "vggface2", 224, "CC BY-SA 4.0", _VGGFACE2 + _MS1M, _DAGS,
        "that it takes RGB (its model file says so); " + _NO_HASH, "RGB",
        vggface2.SCALING,
    ),
    Preset(
        "vggface2_scratch_dag", "ResNet50", (WeightFile("resnet50_scratch_dag.pth"),),
        "scratch", _SCRATCH, "vggface2", 224, "CC BY-SA 4.0", _VGGFACE2, _DAGS,
        "that it takes RGB (its model file says so); " + _NO_HASH, "RGB",
        vggface2.SCALING,
    ),
    Preset(
        "vggface2_rcmalli", "ResNet50",
        tuple(
            WeightFile(name, url=_RCMALLI + name)
            for name in (
                "rcmalli_vggface_tf_notop_resnet50.h5", "rcmalli_vggface_tf_resnet50.h5"
            )
        ),
        "unknown", "VGGFace2, perhaps MS-Celeb-1M before", "vggface2", 224, "CC BY-SA 4.0", _VGGFACE2,
        "github.com/rcmalli/keras-vggface, release v2.0",
        "that its arrays are Caffe's, and which variant they are; " + _NO_HASH, "BGR",
        vggface2.SCALING,
    ),
    Preset(
        "senet50_ft", "SENet50", (WeightFile("senet50_ft_weight.pkl"),),
        "ft", _FT, "vggface2", 224, "CC BY-SA 4.0", _VGGFACE2 + _MS1M, _PICKLES, _NO_HASH, "BGR",
        vggface2.SCALING,
    ),
    Preset(
        "senet50_scratch", "SENet50", (WeightFile("senet50_scratch_weight.pkl"),),
        "scratch", _SCRATCH, "vggface2", 224, "CC BY-SA 4.0", _VGGFACE2, _PICKLES, _NO_HASH, "BGR",
        vggface2.SCALING,
    ),
    Preset(
        "senet50_ft_dag", "SENet50", (WeightFile("senet50_ft_dag.pth"),),
        "ft", _FT, "vggface2", 224, "CC BY-SA 4.0", _VGGFACE2 + _MS1M, _DAGS,
        "that it takes RGB, as ResNet-50's dag file; " + _NO_HASH, "RGB",
        vggface2.SCALING,
    ),
    Preset(
        "senet50_scratch_dag", "SENet50", (WeightFile("senet50_scratch_dag.pth"),),
        "scratch", _SCRATCH, "vggface2", 224, "CC BY-SA 4.0", _VGGFACE2, _DAGS,
        "that it takes RGB, as ResNet-50's dag file; " + _NO_HASH, "RGB",
        vggface2.SCALING,
    ),
    Preset(
        "senet50_rcmalli", "SENet50",
        tuple(
            WeightFile(name, url=_RCMALLI + name)
            for name in ("rcmalli_vggface_tf_notop_senet50.h5", "rcmalli_vggface_tf_senet50.h5")
        ),
        "unknown", "VGGFace2, perhaps MS-Celeb-1M before", "vggface2", 224, "CC BY-SA 4.0", _VGGFACE2,
        "github.com/rcmalli/keras-vggface, release v2.0",
        "that its arrays are Caffe's, and which variant they are; keras-vggface runs them with a "
        "batch-norm epsilon of 1e-4, here it is 1e-5; " + _NO_HASH, "BGR",
        vggface2.SCALING,
    ),
)  # fmt: skip
