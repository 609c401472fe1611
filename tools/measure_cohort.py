"""How much of the cohort's offset to subtract, by the number of photographs enrolled.

    python tools/measure_cohort.py RUN --data DATA --manifest M --protocol held

RUN is an open-set run with a cohort; the people tested are those of the protocol whom RUN was not
trained on. Of each person n unmasked photographs are enrolled (or 70 % of them, or a random
number), the other unmasked ones and all masked ones are probes, but not other versions of an enrolled
photograph. People with too few photographs are left out of a row, rows of fewer than 20 people too.
Rank-1 accuracy of masked / unmasked probes, means over draws.
"""

from __future__ import annotations

from collections.abc import Callable

import _tool
import numpy as np

from maskedface import datasets, training
from maskedface.evaluation import Cohort, EmbeddedFaces
from maskedface.evaluation.scoring import normalized
from maskedface.recognition import Recognizer, embed_index

Rule = Callable[[Cohort, np.ndarray, np.ndarray], np.ndarray]
RULES: dict[str, Rule] = {
    "nothing": lambda cohort, means, photos: np.zeros(len(means)),
    "all of it": lambda cohort, means, photos: cohort.offsets(means),
    "half of it": lambda cohort, means, photos: cohort.offsets(means) / 2,
    "divided by the photographs": lambda cohort, means, photos: cohort.offsets(means, photos),
}
LEAST = 20  # people in a row of the table
COUNTS = ("1", "2", "3", "5", "8", "70 %", "random")


def enrolled(faces: int, count: str, rng: np.random.Generator) -> int:
    """How many of a person's faces are enrolled; at least one is left as a probe, or the result is
    0."""
    if faces < 2:
        return 0
    if count == "random":
        return int(rng.integers(1, faces))
    wanted = max(1, int(0.7 * faces)) if count == "70 %" else int(count)
    return wanted if wanted < faces else 0


def draw(faces: EmbeddedFaces, cohort: Cohort, count: str, seed: int) -> dict[str, list[float]]:
    """{rule: rank-1 accuracy of masked and of unmasked probes} of one draw, and the number of people;
    empty if they are too few."""
    rng, unit = np.random.default_rng(seed), faces.unit
    people, masked = np.asarray(faces.people), np.asarray(faces.domains) == "masked"
    # An unknown photograph is one of its own.
    named = faces.photos if faces.photos is not None else [""] * len(people)
    photo = np.array([name or f"row {row}" for row, name in enumerate(named)])
    means: list[np.ndarray] = []
    photos: list[int] = []
    at: dict[str, int] = {}
    probes = masked.copy()
    for person in sorted(set(people[~masked]) & set(people[masked])):
        own = np.flatnonzero((people == person) & ~masked)
        number = enrolled(len(own), count, rng)
        if not number:
            probes[people == person] = False
            continue
        chosen = rng.choice(own, number, replace=False)
        probes[np.setdiff1d(own, chosen)] = True
        probes[(people == person) & np.isin(photo, photo[chosen])] = False
        at[person] = len(means)
        means.append(unit[chosen].sum(axis=0))
        photos.append(len(set(photo[chosen])))
    if len(at) < LEAST:
        return {}
    probes &= np.isin(people, [*at])
    rows, counts = normalized(np.stack(means)), np.array(photos)
    scores = unit[probes] @ rows.T
    mine = np.array([at[person] for person in people[probes]])
    found: dict[str, list[float]] = {"people": [len(at)]}
    for name, rule in RULES.items():
        hits = (scores - rule(cohort, rows, counts)).argmax(axis=1) == mine
        found[name] = [float(hits[masked[probes] == kind].mean()) for kind in (True, False)]
    return found


def main() -> None:
    parser = _tool.parser(__doc__)
    parser.add_argument("run", help="an open-set run with a cohort")
    parser.add_argument("--data", required=True)
    parser.add_argument("--manifest", required=True)
    parser.add_argument("--protocol", required=True)
    parser.add_argument("--alignment", default="", help="of rows that state none")
    parser.add_argument("--draws", type=int, default=20)
    args = parser.parse_args()
    run = training.Run(args.run)
    if run.cohort is None:
        parser.error(f"run must have a cohort. Received: {args.run}")
    cohort = Cohort(run.cohort.people, run.cohort.nearest)
    words = {"root": args.data, "alignment": args.alignment}
    parts = datasets.read_split(args.manifest, args.protocol, **words)
    rows = (parts["train"] + parts["test"]).without(run.record["classes"])
    faces = embed_index(Recognizer.load(args.run), rows, templates=False)
    print("| photographs | people |", " | ".join(RULES), "|")
    print("|---" * (2 + len(RULES)) + "|")
    for count in COUNTS:
        draws = [draw(faces, cohort, count, seed) for seed in range(args.draws)]
        if not all(draws):
            continue
        cells = [
            " / ".join(f"{value:.3f}" for value in np.mean([one[name] for one in draws], axis=0))
            for name in RULES
        ]
        print(
            f"| {count} | {np.mean([one['people'] for one in draws]):.0f} |", " | ".join(cells), "|"
        )


if __name__ == "__main__":
    main()
