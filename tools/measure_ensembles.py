"""What fusing the scores of networks is worth: each alone, all alike, by weights from other people.

  python tools/measure_ensembles.py dlib dlib:upper runs/best --rmfrd R --landmarks aligned.csv \\
      --mlfw D

A name is one that `Recognizer.load` takes; with ":upper" behind it the network sees the part of the
face above the mask line. Weights are chosen on RMFRD's people with fewer than 8 masked images, whom
none of the tests shows (`evaluation.fusion_weights`, 3 seeds of pairs). Tested are MLFW's 400 people
of open_set=test, with drawn masks, and RMFRD's people with at least 8 masked images, with worn ones:
rank-1 accuracy of probes against one mean of unmasked faces a person, the probe's own photograph left
out, 95 % intervals over people.
"""

from __future__ import annotations

import argparse

import numpy as np

from maskedface import datasets, models
from maskedface.engines import Embedder, Ensemble, KerasEmbedder
from maskedface.evaluation import EmbeddedFaces, fusion_weights, rank_one_report
from maskedface.recognition import Recognizer, embed_index


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="+")
    parser.add_argument("--rmfrd", required=True)
    parser.add_argument("--landmarks", required=True, help="aligned.csv of maskedface align")
    parser.add_argument("--mlfw", required=True)
    args = parser.parse_args()
    found = datasets.read_manifest(args.landmarks, root=args.rmfrd)
    common = set(found.with_at_least(8, "masked").people)
    rare = found.people_in_both().without(common)
    tests = {
        "MLFW": datasets.read_split(
            f"{args.mlfw}/protocols/manifest.csv", "open_set", root=args.mlfw, alignment="arcface"
        )["test"],
        "RMFRD": found.people_in_both().with_at_least(8, "masked"),
    }
    members = {name: embedder_of(name) for name in args.networks}
    chosen_on = [embedded(one, rare) for one in members.values()]
    weights = np.mean([fusion_weights(chosen_on, seed=seed) for seed in range(3)], axis=0)
    ensembles = {
        "all alike": Ensemble([*members.values()]),
        "by weights": Ensemble([*members.values()], weights),
    }
    shown = dict(zip(members, weights.round(3).tolist(), strict=True))
    print(f"weights chosen on {len(rare)} faces of {len(rare.people)} people: {shown}")
    for name, embedder in {**members, **ensembles}.items():
        for test, index in tests.items():
            report = rank_one_report(embedded(embedder, index))
            figures = (
                "{} {:.3f} [{:.3f}, {:.3f}]".format(
                    kind, one["accuracy"], *one["accuracy_interval"]
                )
                for kind, one in report.items()
            )
            print(f"{name}: {test}: {'; '.join(figures)}", flush=True)


def embedder_of(name: str) -> Embedder:
    name, _, view = name.partition(":")
    embedder = Recognizer.load(name).embedder
    if view == "upper":
        assert isinstance(embedder, KerasEmbedder)
        return KerasEmbedder(models.upper_view(embedder.model))
    return embedder


def embedded(embedder: Embedder, index: datasets.FaceIndex) -> EmbeddedFaces:
    return embed_index(Recognizer(embedder), index, templates=False)


if __name__ == "__main__":
    main()
