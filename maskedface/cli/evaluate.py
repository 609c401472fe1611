"""Print the results of finished runs, next to each other and to the paper's.

Each RUN is a finished run's folder, or a folder of runs: one per seed (seed-0/, seed-1/ ...),
recipes that build on each other, of which the last counts, or several independent runs.

  maskedface evaluate runs/cosine --against runs/frozen
  maskedface evaluate runs/cosine --learner svm                  (another classifier)
  maskedface evaluate runs/whole runs/upper --join               (their embeddings, concatenated)
  maskedface evaluate runs/cosine --data OTHER --domain masked   (the same people, other images)

With --protocol embeddings are compared and the run's classes are not used: RUN may then also be
"dlib" or a .keras file, of several seeds the first counts, and the faces may be of any people.

  maskedface evaluate dlib --protocol lfw --data LFW                         (a published pair list)
  maskedface evaluate runs/cosine --against dlib --protocol mfr2 --data MFR2 (paired differences)
  maskedface evaluate dlib --protocol c-rmfrd --data RMFRD --list AFDB_final_Jeff.csv
  maskedface evaluate dlib --protocol c-rmfrd --data RMFRD --list GALLERY.csv PROBES.csv (rank-k)
  maskedface evaluate dlib runs/cosine --protocol open_set --manifest M --data D (a manifest column)

Faces are detected unless the rows have landmarks or an alignment (--landmarks). A list with masked
and unmasked faces is also scored over all pairs of its images: masked-unmasked and masked-masked.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import os
from typing import TYPE_CHECKING

from maskedface.cli import data
from maskedface.cli.recognizing import add_engine, add_network_words, engine_choice, given_words
from maskedface.cli.tables import figure
from maskedface.cli.values import add_count, rate
from maskedface.names import did_you_mean

if TYPE_CHECKING:
    from maskedface.evaluation.learners import Learner
    from maskedface.training import Run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to a parser."""
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="run folders, or folders of runs; with --protocol any models",
    )
    group = parser.add_argument_group("comparison")
    group.add_argument(
        "--against",
        metavar="RUN",
        help="show the paired difference to this run, or with a list of pairs to this model "
        "(default: the first)",
    )
    group.add_argument(
        "--learner",
        choices=("class_means", "logistic", "svm", "knn"),
        help="classifier to fit to the training faces' embeddings, instead of each run's own head",
    )
    group.add_argument(
        "--join", action="store_true", help="concatenate the runs' embeddings, seed by seed"
    )
    group.add_argument(
        "--json",
        metavar="FILE",
        help="with --data, --manifest or --protocol: write the report to FILE",
    )
    add_network_words(parser.add_argument_group("network file"))
    add_engine(parser.add_argument_group("engine"))
    data.add_data_arguments(parser)
    _add_protocol_arguments(parser)


def _add_protocol_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("protocol")
    group.add_argument(
        "--protocol",
        metavar="NAME",
        help="lfw, mlfw, mfr2, rmfvd or c-rmfrd: pairs in --data; or a manifest's column with the "
        "parts train (thresholds) and test (results)",
    )
    group.add_argument(
        "--list",
        nargs="+",
        metavar="FILE",
        help="the list of pairs, unless it is in --data under its published name; for c-rmfrd also "
        "its lists of gallery and probes",
    )
    group.add_argument(
        "--mirror",
        action="store_true",
        help="flip augmentation: join each image's embedding with its mirror image's, as "
        "mirror_join=true does in a recipe; takes twice the time",
    )
    add_count(group, "--enrolled", "of a column: people enrolled per draw", 200)
    for word, default in (("--fpir", (0.01, 0.1)), ("--far", (0.01, 0.001))):
        told = f"of a column; default: {' '.join(map(str, default))}"
        group.add_argument(word, type=rate, nargs="+", default=default, metavar="RATE", help=told)
    add_count(group, "--draws", "of a column: number of random draws, with seeds 0, 1, ...", 10)


def run(args: argparse.Namespace) -> int:
    """Runs the command; see `maskedface evaluate --help`."""
    if args.mirror and not args.protocol:
        raise ValueError("--mirror must come with --protocol. Received: --mirror alone")
    if args.protocol:
        return _on_protocol(args)
    for word, value in given_words(args).items():
        raise ValueError(
            f"{word} must come with --protocol: runs state it themselves. Received: {word} {value} "
            "alone"
        )
    from maskedface.cli.results import print_results

    groups = {name: runs for path in args.runs for name, runs in _groups(path).items()}
    if args.data or args.manifest:
        return _on_other_images(groups, args)
    if engine_choice(args) is not None:
        raise ValueError(
            "--engine must come with images or --protocol: a run's own results are stored. "
            f"Received: --engine {args.engine} alone"
        )
    results = {f"{path} ({runs[0].recipe.name})": runs for path, runs in groups.items()}
    if args.learner or args.join:
        results = _relearned(groups, args.learner or "class_means", args.join)
    print_results(results, _against(args.against))
    return 0


def _groups(path: str) -> dict[str, list[Run]]:
    """The runs in a folder as {label: one run per seed}; several recipes give several labels."""
    from maskedface.reporting import find_groups
    from maskedface.training import find_runs

    try:
        return {path: find_runs(path)}
    except FileNotFoundError as error:
        # Not one recipe: several independent ones, as a report shows them.
        try:
            groups = find_groups(path)
        except FileNotFoundError:
            raise error from None
    above = os.path.dirname(os.path.normpath(path))
    return {os.path.join(above, group.label): [*group.runs] for group in groups}


def _against(path: str | None) -> list[Run] | None:
    from maskedface.training import find_runs

    return find_runs(path) if path else None


def _on_protocol(args: argparse.Namespace) -> int:
    from maskedface.atomic_file import write_json
    from maskedface.datasets.pairs import PAIR_PROTOCOLS

    is_list, lists = args.protocol in PAIR_PROTOCOLS, len(args.list or ())
    if args.against and (not is_list or lists > 1):
        raise ValueError(
            "--against must come with one list of pairs, or without --protocol; otherwise give "
            f"several RUN. Received: --against {args.against} with --protocol {args.protocol}"
        )
    if not is_list and not args.manifest:
        raise ValueError(
            f"--protocol must be one of {PAIR_PROTOCOLS}, or come with --manifest. "
            f"Received: {args.protocol!r}{did_you_mean(args.protocol, PAIR_PROTOCOLS)}"
        )
    if is_list and args.without_people is not None:
        raise ValueError(
            "--without-people must come with a manifest's column: published lists are used "
            f"complete. Received: --protocol {args.protocol}"
        )
    if is_list and not args.data:
        raise ValueError("--data must be given with --protocol. Received: no --data")
    if is_list and lists > 2:
        raise ValueError(f"--list must be one or two files. Received: {lists}")
    # Keras takes seconds to import: invalid arguments are reported before that.
    from maskedface.cli.lists import rank_lists, score_pairs
    from maskedface.cli.open_set import score_open_set

    score = score_open_set if not is_list else rank_lists if lists == 2 else score_pairs
    reports = score(args)
    if args.json:
        write_json(args.json, reports)
    return 0


def _relearned(groups: dict[str, list[Run]], learner: Learner, join: bool) -> dict[str, list[Run]]:
    from maskedface.training.rescoring import relearned

    if not join:
        return {
            f"{path} + {learner}": [relearned([run], learner) for run in runs]
            for path, runs in groups.items()
        }
    counts = {path: len(runs) for path, runs in groups.items()}
    if len(groups) < 2 or len(set(counts.values())) > 1:
        raise ValueError(
            f"--join must be given at least two runs with equally many seeds. Received: {counts}"
        )
    together = zip(*groups.values(), strict=True)
    return {" & ".join(groups) + f" + {learner}": [relearned(runs, learner) for runs in together]}


def _on_other_images(groups: dict[str, list[Run]], args: argparse.Namespace) -> int:
    from maskedface.atomic_file import write_json
    from maskedface.recognition.by_engine import evaluate_run
    from maskedface.training.lineage import refuse_rows
    from maskedface.training.named_models import faces_of

    index = data.read_index(args)
    for run in itertools.chain(*groups.values()):
        refuse_rows(run, index)

    placed = functools.cache(lambda wanted: data.placed(args, wanted, index)[0])
    choice, reports = engine_choice(args), {}
    for path, runs in groups.items():
        for run in runs:
            report = evaluate_run(run, placed(faces_of(run)), choice, progress=True)
            reports[run.path] = report
            for domain, scores in report.items():
                low, high = scores["accuracy_interval"]
                value = {"value": scores["accuracy"], "low": low, "high": high}
                print(
                    f"{path} seed {run.record['seed']}, {domain}: {scores['faces']} faces, "
                    f"accuracy {figure(value)}"
                )
    if args.json:
        write_json(args.json, reports)
    return 0
