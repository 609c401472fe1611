"""The audit as a picture: images per person, image sizes, and findings."""

from __future__ import annotations

import os
from typing import Any

from maskedface.atomic_file import atomic_write
from maskedface.audit.image_audit import AuditReport
from maskedface.audit.people_chart import draw_people
from maskedface.extras import from_extra

_COLOURS = {"unmasked": "#4477aa", "masked": "#ee6677"}  # Paul Tol's bright scheme
_SIZES = 8  # shown, the most frequent first


def draw_audit(report: AuditReport, path: str | os.PathLike[str]) -> None:
    """Draws a report; the first panel is the paper's Figure 4, images per person.

    Args:
        report: from `audit.audit_images`.
        path: the PNG file to write.

    Raises:
        ModuleNotFoundError: if matplotlib is not installed; the message has the pip command.
        OSError: if the file cannot be written.
    """
    figure = audit_figure(report)
    with atomic_write(path) as partial:
        figure.savefig(partial, dpi=110, format="png")


def audit_figure(report: AuditReport) -> Any:
    """A report as a matplotlib figure.

    Args:
        report: from `audit.audit_images`.

    Raises:
        ModuleNotFoundError: as `draw_audit`.
    """
    with from_extra("report", "matplotlib"):
        from matplotlib.figure import Figure
    figure = Figure(figsize=(11, 8), layout="constrained")
    axes = figure.subplot_mosaic([["people", "people"], ["sizes", "found"]])
    draw_people(axes["people"], report.per_person, _COLOURS)
    axes["people"].set_title("Images per person", loc="left")
    _draw_sizes(axes["sizes"], report)
    _draw_findings(axes["found"], report)
    for name in ("people", "sizes", "found"):
        axes[name].spines[["top", "right"]].set_visible(False)
    return figure


def _draw_sizes(axes: Any, report: AuditReport) -> None:
    shown = dict(list(report.sizes.items())[:_SIZES])
    rest = sum(report.sizes.values()) - sum(shown.values())
    if rest:
        shown["other"] = rest
    bars = axes.barh(list(shown), list(shown.values()), color="#888888")
    axes.bar_label(bars, fmt="{:,.0f}", padding=3)
    # With room for several, so that a single bar does not fill the panel.
    axes.set_ylim(max(len(shown), _SIZES / 2) - 0.5, -0.5)
    _count_along(axes)
    axes.set(title="Sizes in pixels", xlabel="images")


def _draw_findings(axes: Any, report: AuditReport) -> None:
    found = {
        "cannot be used": len(report.undecodable),
        "excluded": len(report.excluded),
        "copies": report.copies,
        "copies, different people": len(report.duplicates_across_people),
        "people with one image": len(report.single_image),
        "rotated by EXIF": len(report.turned),
        "wrong file extension": len(report.misnamed),
        "nearly black or uniform": len(report.blank),
        "wrong domain label?": len(report.domain_check.suspects),
    }
    bars = axes.barh(list(found), list(found.values()), color="#ccbb44")
    axes.bar_label(bars, padding=3)
    axes.invert_yaxis()
    _count_along(axes)
    axes.set(title="Findings", xlabel="files, groups or people")


def _count_along(axes: Any) -> None:
    """Whole numbers from 0, with room for those beside the bars."""
    axes.margins(x=0.15)
    axes.set_xlim(0, max(1.0, axes.get_xlim()[1]))
    axes.xaxis.get_major_locator().set_params(integer=True, nbins=6)
    axes.xaxis.set_major_formatter("{x:,.0f}")
