"""Figures of merit with their intervals; NumPy arrays in, plain values out."""

from maskedface.evaluation.bootstrap import interval, paired_difference
from maskedface.evaluation.classification import classification_report, confusion
from maskedface.evaluation.cohort import Cohort
from maskedface.evaluation.explanation import attention, attention_share, overlay
from maskedface.evaluation.identification import cmc, identification_report, threshold_at_fpir
from maskedface.evaluation.label_check import LabelCheck, check_labels
from maskedface.evaluation.learners import LEARNERS, learner_scores
from maskedface.evaluation.matching import Matches, by_mask, match_probes
from maskedface.evaluation.open_set import EmbeddedFaces, check_open_set, open_set_report
from maskedface.evaluation.pair_drawing import draw_pairs
from maskedface.evaluation.paper_rows import PAPER_ROWS
from maskedface.evaluation.rank_one import rank_one_matches, rank_one_report
from maskedface.evaluation.scores import cosine_scores, normalised, person_means, threshold_at
from maskedface.evaluation.verification import (
    equal_error_rate,
    fold_accuracies,
    roc,
    tar_at_far,
    tar_difference,
    verification_report,
)

__all__ = [
    "LEARNERS",
    "PAPER_ROWS",
    "Cohort",
    "EmbeddedFaces",
    "LabelCheck",
    "Matches",
    "attention",
    "attention_share",
    "by_mask",
    "check_labels",
    "check_open_set",
    "classification_report",
    "cmc",
    "confusion",
    "cosine_scores",
    "draw_pairs",
    "equal_error_rate",
    "fold_accuracies",
    "identification_report",
    "interval",
    "learner_scores",
    "match_probes",
    "normalised",
    "open_set_report",
    "overlay",
    "paired_difference",
    "person_means",
    "rank_one_matches",
    "rank_one_report",
    "roc",
    "tar_at_far",
    "tar_difference",
    "threshold_at",
    "threshold_at_fpir",
    "verification_report",
]
