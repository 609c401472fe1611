"""Losses that separate identities and align a person's masked and unmasked faces.

All are `keras.losses.Loss` with one label array and one prediction array, so they work for models
with a single output; if a loss needs the domain, the label array has an additional column for it.

| loss | y_true | y_pred |
|---|---|---|
| `CosineMargin`, `ArcFace` | label | logits of a cosine head |
| `AdaFace` | label | logits of a cosine head, then `ImageQuality` |
| `ElasticMargin` | label | logits of a cosine head, then `MarginNoise` |
| `CenterLoss` | label | logits, then squared distances of `CenterDistances` |
| `DomainRanking` | label, domain | logits of a `models.CosineHead` with two centers per person |
| `SelfRestrainedTriplet` | label[, domain]; or embeddings of positive and negative | embeddings |
| `Coral`, `PairAlignment` | label, domain | embeddings |
| `WithEmbeddings` | label, domain | the input of another loss, then the embeddings |

Labels number people from 0; the domain is 0 for an unmasked face and 1 for a masked one. "label,
domain" is an array of two columns, or one with a column per person and one for the domain
(`datasets.with_domain`), as produced by `as_tf_dataset`: Keras' own accuracy would silently misread
two columns as one-hot labels of two classes, but reads the person correctly from the other form.
Losses that do not need the domain ignore it.

In a recipe, attributes of a loss state its requirements: a true `wants_domains` requests the domain
column; a true `couples_faces` means that a batch must not be split between devices. The head has to
provide the outputs: `models.SideBySide([models.CosineHead(), CenterDistances()])` for `CenterLoss`,
the same with `ImageQuality()` for `AdaFace` and with `MarginNoise()` for `ElasticMargin`,
`keras.layers.Identity()` for losses of embeddings.
"""

from __future__ import annotations

from maskedface.losses.alignment import Coral, PairAlignment, WithEmbeddings
from maskedface.losses.centers import CenterDistances, CenterLoss
from maskedface.losses.domains import DomainRanking
from maskedface.losses.face_margins import AdaFace, ElasticMargin, ImageQuality, MarginNoise
from maskedface.losses.margins import ArcFace, CosineMargin
from maskedface.losses.triplets import SelfRestrainedTriplet

__all__ = [
    "AdaFace",
    "ArcFace",
    "CenterDistances",
    "CenterLoss",
    "Coral",
    "CosineMargin",
    "DomainRanking",
    "ElasticMargin",
    "ImageQuality",
    "MarginNoise",
    "PairAlignment",
    "SelfRestrainedTriplet",
    "WithEmbeddings",
]
