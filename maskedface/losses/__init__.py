"""Losses that push people apart and pull a person's masked and unmasked faces together.

All are `keras.losses.Loss` with one label array and one prediction array, so that a model with one
output trains with them; where a loss needs the domain, the label array has it beside the label.

| loss | y_true | y_pred |
|---|---|---|
| `CosineMargin`, `ArcFace` | label | logits of a cosine head |
| `CenterLoss` | label | logits, then squared distances of `CenterDistances` |
| `DomainRanking` | label, domain | logits of a `models.CosineHead` with two centers a person |
| `SelfRestrainedTriplet` | label[, domain]; or embeddings of positive and negative | embeddings |
| `Coral`, `PairAlignment` | label, domain | embeddings |
| `WithEmbeddings` | label, domain | what another loss reads, then the embeddings |

Labels count people from 0; a domain is 0 for an unmasked face and 1 for a masked one. "label, domain"
is an array of two columns, or one of a column a person and the domain (`datasets.with_domain`), which
`as_tf_dataset` gives: Keras' own accuracy takes two columns for one-hot labels of two classes, and is wrong
without a word; of the other form it reads the person. A loss that has no use for the domain passes over it.

In a recipe a loss says by attributes what else it needs: a true `wants_domains`, the domain beside the
label; a true `couples_faces`, that its faces are not dealt out to several devices. A head gives the
columns: `models.SideBySide([models.CosineHead(), CenterDistances()])` for `CenterLoss`,
`keras.layers.Identity()` for losses of embeddings.
"""

from __future__ import annotations

from maskedface.losses.alignment import Coral, PairAlignment, WithEmbeddings
from maskedface.losses.centers import CenterDistances, CenterLoss
from maskedface.losses.domains import DomainRanking
from maskedface.losses.margins import ArcFace, CosineMargin
from maskedface.losses.triplets import SelfRestrainedTriplet

__all__ = [
    "ArcFace",
    "CenterDistances",
    "CenterLoss",
    "Coral",
    "CosineMargin",
    "DomainRanking",
    "PairAlignment",
    "SelfRestrainedTriplet",
    "WithEmbeddings",
]
