"""Backbones, heads and what of them learns."""

from maskedface.models.dlib_resnet29 import DlibResNet29
from maskedface.models.freezing import freeze, stages
from maskedface.models.heads import classifier, cosine_classifier
from maskedface.models.presets import load_weights, template_of
from maskedface.models.resnet50 import ResNet50

__all__ = [
    "DlibResNet29",
    "ResNet50",
    "classifier",
    "cosine_classifier",
    "freeze",
    "load_weights",
    "stages",
    "template_of",
]
