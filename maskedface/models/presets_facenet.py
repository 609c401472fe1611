"""The presets of FaceNet and of VGG-Face."""

from __future__ import annotations

from maskedface.conversion import facenet, vggface
from maskedface.models.preset import Preset, WeightFile

_FACENET = "https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/"
_PORTED = (
    "github.com/timesler/facenet-pytorch, release v2.2.9, from github.com/davidsandberg/facenet"
)
_MIT = "both programs; whether it covers the weights is not said; trained on "
_CROP = "that VGGFace2's crop is near enough to FaceNet's, which is MTCNN's box and a margin (no points)"
_RCMALLI = "https://github.com/rcmalli/keras-vggface/releases/download/v2.0/"
_DEEPFACE = "https://github.com/serengil/deepface_models/releases/download/v1.0/"
_PEOPLE = "VGG-Face: 2.6 million faces of 2,622 people"
_OXFORD = "Oxford's terms, as docs.deepface.dev tells them; we could not read Oxford's own page"
_VGG_CROP = "that VGGFace2's crop is near enough to VGG-Face's, of which no points are published"
_NO_HASH = "no sha256 of this file is known to us, so nothing can be checked against it"

PRESETS = (
    Preset(
        "facenet_vggface2", "InceptionResNetV1",
        (WeightFile(
            "20180402-114759-vggface2.pt",
            "281cebca8662831adb987a874bdcb36e73f5b1c6dc5ee5878f305e985625d99b", 111_898_327,
            _FACENET + "20180402-114759-vggface2.pt",
        ),),
        "unknown", "VGGFace2", "vggface2", 160, "MIT", _MIT + "VGGFace2 (CC BY-SA 4.0)", _PORTED,
        _CROP + "; the sha256 is one that many programs check; we never held the file",
        "RGB", facenet.SCALING,
    ),
    Preset(
        "facenet_casia", "InceptionResNetV1",
        (WeightFile(
            "20180408-102900-casia-webface.pt",
            url=_FACENET + "20180408-102900-casia-webface.pt",
        ),),
        "unknown", "CASIA-WebFace", "vggface2", 160, "MIT",
        _MIT + "CASIA-WebFace (research only)", _PORTED, f"{_CROP}; {_NO_HASH}",
        "RGB", facenet.SCALING,
    ),
    Preset(
        "vggface_rcmalli", "VGGFace",
        (WeightFile("rcmalli_vggface_tf_vgg16.h5", url=_RCMALLI + "rcmalli_vggface_tf_vgg16.h5"),),
        "unknown", _PEOPLE, "vggface2", 224, "non-commercial", _OXFORD,
        "github.com/rcmalli/keras-vggface, release v2.0, from Oxford's Caffe model",
        f"{_VGG_CROP}; {_NO_HASH}", "BGR", vggface.SCALING,
    ),
    Preset(
        "vggface_dag", "VGGFace", (WeightFile("vgg_face_dag.pth"),),
        "unknown", _PEOPLE, "vggface2", 224, "non-commercial", _OXFORD,
        "www.robots.ox.ac.uk/~albanie/pytorch-models.html, from Oxford's MatConvNet model",
        f"{_VGG_CROP}; that it takes RGB (its model file says so); {_NO_HASH}",
        "RGB", vggface.SCALING,
    ),
    Preset(
        "vggface_deepface", "VGGFace",
        (WeightFile(
            "vgg_face_weights.h5",
            "759266b9614d0fd5d65b97bf716818b746cc77ab5944c7bffc937c6ba9455d8c",
            url=_DEEPFACE + "vgg_face_weights.h5",
        ),),
        "unknown", _PEOPLE, "vggface2", 224, "non-commercial", _OXFORD,
        "github.com/serengil/deepface_models, release v1.0, from Oxford's MatConvNet model",
        _VGG_CROP + "; that it takes RGB and the mean (its author's notebook reads vgg_face.mat; deepface "
        "itself feeds BGR, divided by 255); its layers' names; the sha256 is deepface's own, we never "
        "held the file", "RGB", vggface.SCALING,
    ),
)  # fmt: skip
