"""The presets of ArcFace's and AdaFace's residual networks."""

from __future__ import annotations

from maskedface.conversion.insightface import SCALING
from maskedface.models.preset import Preset, WeightFile

# github.com/deepinsight/insightface: recognition/arcface_torch/README.md (training sets with their counts,
# "for non-commercial research purposes only"), python-package/README.md (the packs).
_RESEARCH = "insightface's statement for all its models; its code is MIT"
_ZOO = "github.com/deepinsight/insightface, recognition/arcface_torch, model zoo (OneDrive)"
_RELEASES = "github.com/deepinsight/insightface/releases"
_SETS = {
    "ms1mv2": "MS1MV2: 5.8 million faces of 87,000 people of MS-Celeb-1M",
    "ms1mv3": "MS1MV3: 5.2 million faces of 93,000 people of MS-Celeb-1M",
    "glint360k": "Glint360K: 17.1 million faces of 360,000 people",
    "casia": "CASIA-WebFace: 0.5 million faces of 10,575 people",
    "vgg2": "VGGFace2",
    "webface4m": "WebFace4M: a tenth of WebFace42M",
    "webface12m": "WebFace12M: three tenths of WebFace42M",
}
_WITHDRAWN = "; Microsoft withdrew MS-Celeb-1M in 2019"
_NO_HASH = "no sha256 of this file is known to us, so nothing can be checked against it"
_STATED = "the sha256 is one that several projects state for this name; we never held the file"


def _iresnet(
    name: str, file: WeightFile, depth: int, training_set: str, origin: str, unverified: str
) -> Preset:
    note = _RESEARCH + (_WITHDRAWN if "MS-Celeb-1M" in training_set else "")
    return Preset(
        *(name, "IResNet", (file,)),
        variant="unknown",
        training_set=training_set,
        alignment="arcface",
        input_size=112,
        license="non-commercial",
        license_note=note,
        origin=origin,
        unverified=unverified,
        file_channels="RGB",
        file_scaling=SCALING,
        arguments={"depth": depth},
    )


def _of_the_zoo(name: str, training_set: str, depth: int, folder: str) -> Preset:
    origin = f"{_ZOO}, folder {folder}, there backbone.pth"
    return _iresnet(
        name, WeightFile(f"{folder}_backbone.pth"), depth, training_set, origin, _NO_HASH
    )


# github.com/mk-minchul/AdaFace/README.md, "Pretrained Models"; the author on the license of the weights:
# issues 4 (MIT) and 174 (of commercial use, ask his university).
def _adaface(depth: int, set_: str, sha256: str | None = None, size: int | None = None) -> Preset:
    name = f"adaface_ir{depth}_{set_}"
    note = "for the code; of the weights' commercial use the author says to ask MSU (issue 174)"
    return Preset(
        *(name, "AdaFaceIR", (WeightFile(f"{name}.ckpt", sha256, size),)),
        variant="unknown",
        training_set=_SETS[set_],
        alignment="arcface",
        input_size=112,
        license="MIT",
        license_note=note + (_WITHDRAWN if set_.startswith("ms1m") else ""),
        origin="github.com/mk-minchul/AdaFace, README (Google Drive)",
        unverified=_STATED if sha256 else _NO_HASH,
        file_channels="BGR",
        file_scaling=SCALING,
        arguments={"depth": depth},
    )


PRESETS = (
    *(
        _of_the_zoo(
            *(f"arcface_ms1mv3_r{depth}", _SETS["ms1mv3"], depth),
            f"ms1mv3_arcface_r{depth}_fp16",
        )
        for depth in (18, 34, 50, 100)
    ),
    *(
        _of_the_zoo(
            *(f"glint360k_r{depth}", _SETS["glint360k"], depth),
            f"glint360k_cosface_r{depth}_fp16_0.1",
        )
        for depth in (18, 34, 50, 100)
    ),
    _iresnet(
        "webface600k_r50",
        WeightFile(
            "w600k_r50.onnx",
            "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",
            174_383_860,
        ),
        50,
        "WebFace600K: 600,000 people of WebFace260M",
        f"{_RELEASES}, in buffalo_l.zip",
        _STATED,
    ),
    _iresnet(
        "glint360k_r100_pack",
        WeightFile(
            "glintr100.onnx",
            "4ab1d6435d639628a6f3e5008dd4f929edf4c4124b1a7169e1048f9fef534cdf",
            260_665_334,
        ),
        100,
        _SETS["glint360k"],
        f"{_RELEASES}, in antelopev2.zip",
        _STATED,
    ),
    *(_adaface(18, set_) for set_ in ("casia", "vgg2", "webface4m")),
    *(_adaface(50, set_) for set_ in ("casia", "ms1mv2")),
    _adaface(
        *(50, "webface4m"),
        "52cca7c64808fea6f44f9b9aee2b0e091bf96c1ab4f6e31bedcdf5d77009b4f8",
        596_517_267,
    ),
    *(_adaface(101, set_) for set_ in ("ms1mv2", "ms1mv3", "webface4m")),
    _adaface(
        *(101, "webface12m"),
        "0e7a3238d2a50f3fe3860782534928ac7cb2598977cf897f6869fd5ac2493fd0",
        1_526_801_999,
    ),
)
