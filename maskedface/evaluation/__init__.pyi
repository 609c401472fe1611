# What the package offers: read by type checkers, and by `lazy_loader` when a name is first used.
from .bootstrap import (
    bootstrap_interval as bootstrap_interval,
    paired_difference as paired_difference,
)
from .classification import (
    classification_report as classification_report,
    confusion_matrix as confusion_matrix,
)
from .embedded_faces import EmbeddedFaces as EmbeddedFaces
from .explanation import (
    attention_share as attention_share,
    grad_cam as grad_cam,
    overlay as overlay,
)
from .identification import (
    cmc as cmc,
    identification_report as identification_report,
    threshold_at_fpir as threshold_at_fpir,
)
from .label_check import LabelCheck as LabelCheck, check_labels as check_labels
from .learners import LEARNERS as LEARNERS, learner_scores as learner_scores
from .matching import Matches as Matches, match_probes as match_probes
from .open_set import (
    check_open_set as check_open_set,
    open_set_report as open_set_report,
)
from .pair_drawing import draw_pairs as draw_pairs
from .paper_rows import PAPER_ROWS as PAPER_ROWS
from .rank_one import rank_one_matches as rank_one_matches, rank_one_report as rank_one_report
from .scoring import (
    Cohort as Cohort,
    Templates as Templates,
    cosine_scores as cosine_scores,
    normalized as normalized,
    person_means as person_means,
    threshold_at as threshold_at,
)
from .verification import (
    equal_error_rate as equal_error_rate,
    fold_accuracies as fold_accuracies,
    roc as roc,
    tar_at_far as tar_at_far,
    tar_difference as tar_difference,
    verification_report as verification_report,
)
