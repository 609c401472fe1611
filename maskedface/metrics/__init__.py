"""Face recognition metrics for Keras: for `compile`, callbacks and custom training loops."""

from maskedface.metrics.rank_one import RankOne
from maskedface.metrics.verification import EqualErrorRate, TARAtFAR

__all__ = ["EqualErrorRate", "RankOne", "TARAtFAR"]
