"""Losses that push people apart and pull a person's masked and unmasked faces together.

All are `keras.losses.Loss` with one label array and one prediction array, so that a model with one
output trains with them; where a loss needs the domain, the label array has it beside the label.

| loss | y_true | y_pred |
|---|---|---|
| `CosineMarginLoss`, `ArcFaceLoss` | label | logits of a cosine head |
| `CentreLoss` | label | logits, then squared distances of `CentreDistances` |
| `DomainRankingLoss` | label, domain | logits of a cosine head with two centres a person |
| `SelfRestrainedTripletLoss` | label[, domain] | embeddings |
| `CoralLoss`, `AlignmentLoss` | label, domain | embeddings |
| `WithEmbeddings` | label, domain | what another loss reads, then the embeddings |

Labels count people from 0; a domain is 0 for an unmasked face and 1 for a masked one. "label, domain"
is an array of two columns, or one of a column a person and the domain (`datasets.with_domain`), which
`as_tf_dataset` gives: Keras' own accuracy takes two columns for one-hot labels of two classes, and is wrong
without a word; of the other form it reads the person. A loss that has no use for the domain passes over it.
"""

from __future__ import annotations

from maskedface.losses.alignment import AlignmentLoss, CoralLoss, WithEmbeddings
from maskedface.losses.centres import CentreDistances, CentreLoss
from maskedface.losses.domains import DomainRankingLoss
from maskedface.losses.margins import ArcFaceLoss, CosineMarginLoss
from maskedface.losses.triplets import SelfRestrainedTripletLoss

__all__ = [
    "AlignmentLoss",
    "ArcFaceLoss",
    "CentreDistances",
    "CentreLoss",
    "CoralLoss",
    "CosineMarginLoss",
    "DomainRankingLoss",
    "SelfRestrainedTripletLoss",
    "WithEmbeddings",
]
