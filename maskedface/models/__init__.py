"""Backbones, heads and what of them learns."""

from maskedface.models.cutting import boundary
from maskedface.models.dlib_resnet29 import DlibResNet29
from maskedface.models.freezing import freeze, stages
from maskedface.models.heads import classifier, cosine_classifier
from maskedface.models.predicting import predict
from maskedface.models.presets import load_weights, template_of
from maskedface.models.rebuilding import fold_batch_norm, with_precision
from maskedface.models.resnet50 import ResNet50

__all__ = [
    "DlibResNet29",
    "ResNet50",
    "boundary",
    "classifier",
    "cosine_classifier",
    "fold_batch_norm",
    "freeze",
    "load_weights",
    "predict",
    "stages",
    "template_of",
    "with_precision",
]
