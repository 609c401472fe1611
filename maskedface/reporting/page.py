"""Writes a self-contained HTML report about finished runs."""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from typing import Any

import maskedface
from maskedface.atomic_file import write_text
from maskedface.datasets import FaceIndex
from maskedface.extras import from_extra
from maskedface.images.data_uri import as_data_uri, face_uri
from maskedface.reporting import figures, tables
from maskedface.reporting.confused_pairs import Confused, worst_pairs
from maskedface.reporting.grad_cam import grad_cam_part, grad_cam_table
from maskedface.reporting.heat_legend import color_bar
from maskedface.reporting.run_groups import KINDS, RunGroup
from maskedface.reporting.search_part import search_part, searches_of
from maskedface.reporting.svg import draw_svg
from maskedface.training.run import read_history

_BAR = 240  # pixels of the heat maps' legend


def write_report(
    groups: Sequence[RunGroup],
    path: str | os.PathLike[str],
    *,
    faces: bool = True,
    title: str = "Masked faces, recognized",
) -> None:
    """Writes an HTML page with all tables and figures about runs, without scripts or network
    access.

    Groups that were tested on the same faces share tables and figures; others have their own part.
    For runs that came from a search (a trial, or a run of the best.json beside it) the page shows
    the search: each trial's score, the values tried, and the final ones.
    The page states what a run has no data for. If the image files still exist, heat maps are
    computed for some masked faces (`reporting/grad_cam.py`); everything else is read from the runs.

    >>> from maskedface import reporting
    >>> groups = reporting.find_groups("runs/mine")  # doctest: +SKIP
    >>> reporting.write_report(groups, "report.html", faces=False)  # doctest: +SKIP

    Args:
        groups: at least one, with different labels.
        path: the HTML file to write.
        faces: whether the page shows faces and names. Faces are personal data: the page then states
            with whom it must not be shared. If False, people are numbers, and paths of this machine
            are left out.
        title: str, the page's title.

    Raises:
        ValueError: if there is no group, or two have the same label.
        ModuleNotFoundError: if Jinja or matplotlib is missing; the message has the pip command.
        ImageError: if the image file of a face to show is damaged.
    """
    labels = [group.label for group in groups]
    if not labels or len(set(labels)) != len(labels):
        raise ValueError(f"groups must be at least one, with different labels. Received: {labels}")
    with from_extra("report", "jinja2"):
        import jinja2
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("maskedface.reporting", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    now = datetime.datetime.now(datetime.UTC)
    page = environment.get_template("page.html").render(
        title=title,
        version=maskedface.__version__,
        made=f"{now:%Y-%m-%d %H:%M} UTC",
        faces=faces,
        groups=groups,
        parts=[_part(together, faces) for together in _by_test(groups)],
        searches=[search_part(search, faces) for search in searches_of(groups)],
        color_bar=as_data_uri(color_bar(_BAR, 12), _BAR) if faces else "",
        trained_on=tables.trained_on,
        paper_tables=tables.paper_tables([group for group in groups if not group.is_open]),
        has_closed=any(not group.is_open for group in groups),
        recipe_table=tables.recipe_table(groups),
        provenance=tables.provenance_table(groups, private=not faces),
    )
    write_text(os.fspath(path), page)


def _by_test(groups: Sequence[RunGroup]) -> list[list[RunGroup]]:
    """Collects the groups that were tested in the same way on the same faces."""
    together: dict[Any, list[RunGroup]] = {}
    for group in groups:
        together.setdefault((group.is_open, group.test.faces), []).append(group)
    return list(together.values())


def _part(groups: list[RunGroup], faces: bool) -> dict[str, Any]:
    """Everything about the groups of one test set."""
    first = groups[0]
    attention = grad_cam_part(groups, faces)
    people = {kind: len(first.matches[0][kind].gallery) for kind in first.kinds}
    return {
        "groups": groups,
        "kinds": first.kinds,
        "is_open": first.is_open,
        "test_faces": len(first.test),
        "test_people": len(first.test.people),
        "results": draw_svg(figures.results, groups),
        "domains": tables.domain_table(groups),
        "images": _images(groups),
        "curves": [_curves(group) for group in groups],
        "cmc": {kind: draw_svg(figures.cmc_curve, groups, kind) for kind in people},
        "roc": {
            kind: draw_svg(figures.roc_curve, groups, kind) if count > 1 else ""
            for kind, count in people.items()
        },
        "attention": attention,
        "attention_table": grad_cam_table(attention),
        "confusion": [_confusion(group, faces) for group in groups],
    }


def _images(groups: list[RunGroup]) -> list[dict[str, str]]:
    """Images per person in the test rows, and in each distinct set of training rows."""
    sets: dict[Any, tuple[FaceIndex, list[str]]] = {}
    for group in groups:
        sets.setdefault(group.train.faces, (group.train, []))[1].append(group.label)
    shown = {f"training faces of {', '.join(labels)}": index for index, labels in sets.values()}
    shown = {"test faces": groups[0].test, **shown}
    return [
        {"title": title, "svg": draw_svg(figures.images_a_person, index)}
        for title, index in shown.items()
    ]


def _curves(group: RunGroup) -> dict[str, Any]:
    histories = [read_history(run.path) for run in group.runs]
    svgs = {
        quantity: draw_svg(figures.curve, histories, quantity, group.recipe.test_on)
        for quantity in ("loss", "accuracy")
        if any(quantity in history for history in histories)
    }
    is_tested = any("val_loss" in history for history in histories)
    seeds = f" ({len(histories)} seeds, a line each)" if len(histories) > 1 else ""
    return {
        "label": group.label,
        "recipe": group.recipe,
        "svgs": svgs,
        "is_tested": is_tested,
        "seeds": seeds,
    }


def _confusion(group: RunGroup, faces: bool) -> dict[str, Any]:
    test_on: str = group.recipe.test_on
    kind = test_on if test_on in group.kinds else next(iter(group.runs[0].metrics))
    gallery = group.matches[0][kind].gallery
    number = {person: n for n, person in enumerate(gallery)}
    names = gallery if faces else [str(n) for n in range(len(gallery))]
    return {
        "label": group.label,
        "kind": KINDS[kind],
        "seeds": group.seeds_told,
        "svg": draw_svg(figures.confusion_dots, group, kind, names),
        "pairs": [_pair(pair, number, faces) for pair in worst_pairs(group, kind)],
    }


def _pair(pair: Confused, number: dict[str, int], faces: bool) -> dict[str, Any]:
    names = [
        person if faces else f"person {number[person]}" for person in (pair.person, pair.taken_for)
    ]
    shown = [face_uri(path) if faces else "" for path in (pair.probe, pair.own, pair.other)]
    count = figures.mean_count(pair.faces)
    return {"names": names, "faces": count, "of": pair.of, "shown": shown}
