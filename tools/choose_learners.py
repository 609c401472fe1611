"""Regularisation of the learners in `evaluation/learners.py`, chosen on held-out photos.

    python tools/choose_learners.py --data D --manifest D/protocols/manifest.csv --alignment arcface

Of the closed set's training rows three photos in ten of each person are held out, three times (seeds 0,
1, 2); prints the rank-1 accuracy on their masked faces of each learner and C, on DlibResNet29's
embeddings as they come.
"""

from __future__ import annotations

import sys

import _tool
import numpy as np

from maskedface import datasets, models
from maskedface.evaluation import learners
from maskedface.evaluation.learners import Learner, learner_scores


def main() -> int:
    """Prints a line for each learner and C.

    Returns:
        The exit code.
    """
    parser = _tool.parser(__doc__)
    _tool.add_protocol(parser, "closed_set")
    rows = _tool.read_protocol(parser.parse_args())["train"]
    faces = datasets.read_aligned_faces(rows, size=150, alignment="dlib")
    embeddings = models.predict(models.DlibResNet29("dlib"), faces)
    place = {face.path: row for row, face in enumerate(rows.faces)}
    ways: list[tuple[Learner, float | None]] = [("class_means", None), ("knn", None)]
    for strength in (1.0, 10.0, 100.0, 1000.0):
        ways += [("logistic", strength), ("svm", strength)]
    for learner, c in ways:
        if c is not None:
            learners._C[learner] = c
        right = []
        for seed in (0, 1, 2):
            train, test = datasets.split_by_photo(rows, 0.7, seed)
            known, asked = ([place[face.path] for face in part.faces] for part in (train, test))
            masked = test.masked
            scores = learner_scores(learner, embeddings[known], train.labels(), embeddings[asked])
            labels = test.labels(train.people)
            right.append((scores.argmax(1) == labels)[masked].mean())
        print(f"{learner}, C={c}: {np.mean(right):.3f} ({', '.join(f'{r:.3f}' for r in right)})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
