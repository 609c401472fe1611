"""Domain-constrained ranking with two centers per person, one for each domain."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from maskedface.losses.centers import halves
from maskedface.losses.margins import CosineMargin
from maskedface.losses.targets import domains_of, labels_of


@keras.saving.register_keras_serializable(package="maskedface")
class DomainRanking(keras.losses.Loss):
    """A margin loss that also ranks each face among the centers of the other domain (DCR).

    After Geng et al., "Masked Face Recognition with Generative Data Augmentation and Domain
    Constrained Ranking", ACM Multimedia 2020. **From the paper**, according to its abstract: each
    person has two centers, one of the full faces and one of the masked faces; the loss ranks
    features by their distance to centers across domains; it pulls masked features to the same
    person's full-face center, and full-face features to the masked one. **Our own**, because the
    paper's equations were not available: the ranking is a hinge loss against the nearest center of
    another person, distances are measured on the unit sphere, and the centers are the columns of a
    cosine head, trained by gradient descent with a cosine margin within each domain. So results are
    not those of the paper.

    With d(f, c) = |f - c|^2 = 2 - 2 cos of unit vectors, y the person, a the face's own domain and
    b the other one, L = CosineMargin(cos(f, c^a)) + w max(0, d(f, c^b_y) - min_j d(f, c^b_j) + m),
    with j over the other people.

    The head is `models.CosineHead(centers_per_person=2)`. The first half of its columns, the
    full-face centers, corresponds to a gallery of unmasked faces.

    >>> import numpy as np
    >>> from maskedface import losses
    >>> loss = losses.DomainRanking(margin=0.5, weight=1, scale=24)
    >>> masked_face = np.array([[0, 1]])  # of person 0
    >>> y_pred = 24 * np.array([[0.5, 0.5, 0.5, 0.25]], "float32")  # two people, unmasked, then masked
    >>> round(float(loss(masked_face, y_pred)), 4)  # log 2 + the ranking's margin
    1.1931

    Args:
        margin: float in [0, 4), m, the margin of the ranking, in squared distance.
        weight: float >= 0, w, the weight of the ranking.
        scale: float > 0, the scale of the head.
        identity_margin: float in [0, 1), the margin of the `CosineMargin` within the face's own
            domain.

    Call arguments:
        y_true: int, shape (batch, 2): label; domain, 0 unmasked, 1 masked.
        y_pred: float logits in [-scale, scale], shape (batch, 2 classes): those of the unmasked
            faces' centers, then those of the masked faces'.

    Returns:
        The mean over the batch (Keras' reduction), float.

    Raises:
        ValueError: if an argument is out of range, or a shape is wrong.
    """

    wants_domains = True

    def __init__(
        self,
        margin: float = 0.5,
        weight: float = 1.0,
        scale: float = 24.0,
        identity_margin: float = 0.25,
        name: str = "domain_ranking",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if not 0 <= margin < 4:
            raise ValueError(f"margin must be in [0, 4). Received: margin={margin}")
        if weight < 0:
            raise ValueError(f"weight must be at least 0. Received: weight={weight}")
        self.margin, self.weight, self.scale = margin, weight, scale
        self.identity_margin = identity_margin
        self._identity = CosineMargin(identity_margin, scale)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        masked = ops.expand_dims(domains_of(y_true), -1) == 1
        full_face, mask = halves(y_pred)
        own, across = ops.where(masked, mask, full_face), ops.where(masked, full_face, mask)
        right = ops.one_hot(labels_of(y_true), ops.shape(across)[-1], dtype=across.dtype)
        cosine = across / self.scale
        genuine = ops.sum(right * cosine, -1)
        # -9 puts the person's own center out of the running; with one person nothing is ranked.
        impostor = ops.max(cosine - 9 * right, -1)
        ranking = ops.relu(2 * (impostor - genuine) + self.margin)
        return self._identity.call(y_true, own) + self.weight * ranking

    def get_config(self) -> dict[str, Any]:
        own = {n: getattr(self, n) for n in ("margin", "weight", "scale", "identity_margin")}
        return {**super().get_config(), **own}
