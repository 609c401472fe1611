"""Print the results of finished runs, beside each other and beside the paper's.

Each RUN is a finished run's folder or a folder of runs: one a seed (seed-0/, seed-1/ ...), recipes that
start from each other, of which the last counts, or several that stand beside each other.

  maskedface evaluate runs/cosine --against runs/frozen
  maskedface evaluate runs/cosine --learner svm                  (another learner on the embedding)
  maskedface evaluate runs/whole runs/upper --join               (their embeddings, joined)
  maskedface evaluate runs/cosine --data OTHER --domain masked   (the same people, other images)

With --protocol the embeddings are compared, not the people of the run: a RUN may then also be "dlib" or a
.keras file, of several seeds the first counts, and faces may be of anybody.

  maskedface evaluate dlib --protocol lfw --data LFW                             (a published list of pairs)
  maskedface evaluate runs/cosine --against dlib --protocol mfr2 --data MFR2     (and how far they differ)
  maskedface evaluate dlib --protocol c-rmfrd --data RMFRD --list AFDB_final_Jeff.csv
  maskedface evaluate dlib --protocol c-rmfrd --data RMFRD --list GALLERY.csv PROBES.csv   (rank-k)
  maskedface evaluate dlib runs/cosine --protocol open_set --manifest M --data D   (a manifest's column)

Faces are found where no row says where they lie (--landmarks). A list with masked and unmasked faces is
also scored over every pair of its images, masked with unmasked and masked with masked.
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
    """Adds the command's words to a parser."""
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="run folders, or folders of runs; with --protocol any model",
    )
    group = parser.add_argument_group("comparison")
    group.add_argument(
        "--against",
        metavar="RUN",
        help="show the paired difference to this run; with a list of pairs to this model (default: the "
        "first)",
    )
    group.add_argument(
        "--learner",
        choices=("class_means", "logistic", "svm", "knn"),
        help="fit this to the training faces' embeddings in place of each run's own head",
    )
    group.add_argument(
        "--join", action="store_true", help="join the runs' embeddings, seed by seed, into one"
    )
    group.add_argument("--json", metavar="FILE", help="with images: write the report there")
    add_network_words(parser.add_argument_group("network's file"))
    add_engine(parser.add_argument_group("engine"))
    data.add_data_arguments(parser)
    _add_protocol_arguments(parser)


def _add_protocol_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("protocol")
    group.add_argument(
        "--protocol",
        metavar="NAME",
        help="lfw, mlfw, mfr2, rmfvd or c-rmfrd: pairs in --data; or a manifest's column with the "
        "parts train (thresholds) and test (figures)",
    )
    group.add_argument(
        "--list",
        nargs="+",
        metavar="FILE",
        help="the list of pairs, where it is not in --data by its published name; of c-rmfrd also "
        "its lists of gallery and probes",
    )
    group.add_argument(
        "--mirror",
        action="store_true",
        help="join each image's embedding with its mirror's, as mirror_join=true does in a recipe; takes "
        "twice the time",
    )
    add_count(group, "--enrolled", "of a column: people enrolled a draw", 200)
    for word, default in (("--fpir", (0.01, 0.1)), ("--far", (0.01, 0.001))):
        told = f"of a column; default: {' '.join(map(str, default))}"
        group.add_argument(word, type=rate, nargs="+", default=default, metavar="RATE", help=told)
    add_count(group, "--draws", "of a column: draws, by seeds 0, 1, ...", 10)


def run(args: argparse.Namespace) -> int:
    """Runs the command; see `maskedface evaluate --help`."""
    if args.mirror and not args.protocol:
        raise ValueError("--mirror must come with --protocol. Received: --mirror alone")
    if args.protocol:
        return _on_protocol(args)
    for word, value in given_words(args).items():
        raise ValueError(
            f"{word} must come with --protocol: runs state their own. Received: {word} {value} alone"
        )
    from maskedface.cli.results import print_results

    groups = {name: runs for path in args.runs for name, runs in _groups(path).items()}
    if args.data or args.manifest:
        return _on_other_images(groups, args)
    if engine_choice(args) is not None:
        raise ValueError(
            "--engine must come with images or --protocol: a run's own results are kept. "
            f"Received: --engine {args.engine} alone"
        )
    results = {f"{path} ({runs[0].recipe.name})": runs for path, runs in groups.items()}
    if args.learner or args.join:
        results = _relearned(groups, args.learner or "class_means", args.join)
    print_results(results, _against(args.against))
    return 0


def _groups(path: str) -> dict[str, list[Run]]:
    """The runs of a folder: {what to call them: one a seed}; of a folder of other runs each one's."""
    from maskedface.reporting import find_groups
    from maskedface.training import find_runs

    try:
        return {path: find_runs(path)}
    except FileNotFoundError as error:
        # Not of one recipe: of several that stand beside each other, as a report shows them.
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
            "--against must come with a list of pairs, or without --protocol; name models beside each "
            f"other. Received: --against {args.against} with --protocol {args.protocol}"
        )
    if not is_list and not args.manifest:
        raise ValueError(
            f"--protocol must be one of {PAIR_PROTOCOLS}, or come with --manifest. "
            f"Received: {args.protocol!r}{did_you_mean(args.protocol, PAIR_PROTOCOLS)}"
        )
    if is_list and args.without_people is not None:
        raise ValueError(
            "--without-people must come with a manifest's column: published lists stay whole. "
            f"Received: --protocol {args.protocol}"
        )
    if is_list and not args.data:
        raise ValueError("--data must be given with --protocol. Received: no --data")
    if is_list and lists > 2:
        raise ValueError(f"--list must be one or two files. Received: {lists}")
    # Keras takes seconds to import: wrong words end before it.
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
            f"--join must be given two runs at least, of as many seeds each. Received: {counts}"
        )
    together = zip(*groups.values(), strict=True)
    return {" & ".join(groups) + f" + {learner}": [relearned(runs, learner) for runs in together]}


def _on_other_images(groups: dict[str, list[Run]], args: argparse.Namespace) -> int:
    from maskedface.atomic_file import write_json
    from maskedface.datasets import read_aligned_faces
    from maskedface.recognition.by_engine import run_by_engine
    from maskedface.training.domain_reports import report_domains
    from maskedface.training.lineage import refuse_rows
    from maskedface.training.named_models import faces_of

    index = data.read_index(args)
    for run in itertools.chain(*groups.values()):
        refuse_rows(run, index)

    placed = functools.cache(lambda wanted: data.placed(args, wanted, index)[0])
    choice, reports = engine_choice(args), {}
    for path, runs in groups.items():
        for run in runs:
            record, rows = run.record, placed(faces_of(run))
            size, alignment = record["image_size"], record["alignment"]
            faces = read_aligned_faces(rows, size=size, alignment=alignment, progress=True)
            labels = index.labels(tuple(record["classes"]))
            report = report_domains(index, labels, run_by_engine(run, choice)(faces))
            reports[run.path] = report
            for domain, scores in report.items():
                low, high = scores["accuracy_interval"]
                value = {"value": scores["accuracy"], "low": low, "high": high}
                print(
                    f"{path} seed {record['seed']}, {domain}: {scores['faces']} faces, "
                    f"accuracy {figure(value)}"
                )
    if args.json:
        write_json(args.json, reports)
    return 0
