"""Backbones, heads and what of them learns."""

from maskedface.models.alignment import FaceAlignment, alignment_of, with_alignment
from maskedface.models.cutting import boundary
from maskedface.models.dlib_resnet29 import DlibResNet29
from maskedface.models.embedding import FaceEmbedding, embedder, unjoined
from maskedface.models.freezing import freeze, stages
from maskedface.models.heads import (
    CosineHead,
    LinearHead,
    SideBySide,
    classifier,
    cosine_head,
    with_head,
)
from maskedface.models.predicting import predict
from maskedface.models.presets import load_weights
from maskedface.models.rebuilding import fold_batch_norm, with_precision
from maskedface.models.resnet50 import ResNet50
from maskedface.models.settings import in_float32, refuse_channels_first
from maskedface.models.views import (
    join,
    mirror_join,
    upper_view,
    whole_and_upper,
)

__all__ = [
    "CosineHead",
    "DlibResNet29",
    "FaceAlignment",
    "FaceEmbedding",
    "LinearHead",
    "ResNet50",
    "SideBySide",
    "alignment_of",
    "boundary",
    "classifier",
    "cosine_head",
    "embedder",
    "fold_batch_norm",
    "freeze",
    "in_float32",
    "join",
    "load_weights",
    "mirror_join",
    "predict",
    "refuse_channels_first",
    "stages",
    "unjoined",
    "upper_view",
    "whole_and_upper",
    "with_alignment",
    "with_head",
    "with_precision",
]
