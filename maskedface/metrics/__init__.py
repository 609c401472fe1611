"""The field's figures as Keras metrics: for `compile`, callbacks and loops of one's own."""

from maskedface.metrics.rank_one import RankOne
from maskedface.metrics.verification import EqualErrorRate, TARAtFAR

__all__ = ["EqualErrorRate", "RankOne", "TARAtFAR"]
