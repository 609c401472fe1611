# What the package offers: read by type checkers, and by `lazy_loader` when a name is first used.
from .bootstrap import (
    bootstrap_interval as bootstrap_interval,
    paired_difference as paired_difference,
)
from .classification import classification_report as classification_report
from .cohort import Cohort as Cohort
from .embedded_faces import EmbeddedFaces as EmbeddedFaces
from .explanation import (
    attention_share as attention_share,
    grad_cam as grad_cam,
    overlay as overlay,
)
from .fusion import fusion_weights as fusion_weights
from .identification import (
    identification_report as identification_report,
)
from .label_check import check_labels as check_labels
from .matching import Matches as Matches, match_probes as match_probes
from .open_set import open_set_report as open_set_report
from .pair_drawing import draw_pairs as draw_pairs
from .rank_one import rank_one_matches as rank_one_matches, rank_one_report as rank_one_report
from .scoring import cosine_scores as cosine_scores
from .templates import Templates as Templates
from .verification import (
    equal_error_rate as equal_error_rate,
    tar_at_far as tar_at_far,
    verification_report as verification_report,
)
