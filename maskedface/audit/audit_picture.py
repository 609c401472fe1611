"""The audit as a picture: images per person, image sizes, and findings."""

from __future__ import annotations

import os
from typing import Any

from maskedface.atomic_file import atomic_write
from maskedface.audit.image_audit import AuditReport
from maskedface.extras import from_extra

_COLOURS = {"unmasked": "#4477aa", "masked": "#ee6677"}  # Paul Tol's bright scheme


def draw_audit(report: AuditReport, path: str | os.PathLike[str]) -> None:
    """Draws a report; the first panel is the paper's Figure 4, images per person.

    Args:
        report: from `audit.audit_images`.
        path: the PNG file to write.

    Raises:
        ModuleNotFoundError: if matplotlib is not installed; the message has the pip command.
        OSError: if the file cannot be written.
    """
    with from_extra("report", "matplotlib"):
        from matplotlib.figure import Figure
    figure = Figure(figsize=(11, 8), layout="constrained")
    axes = figure.subplot_mosaic([["people", "people"], ["sizes", "found"]])
    _draw_people(axes["people"], report)
    _draw_sizes(axes["sizes"], report)
    _draw_findings(axes["found"], report)
    for name in ("people", "sizes", "found"):
        axes[name].spines[["top", "right"]].set_visible(False)
    with atomic_write(path) as partial:
        figure.savefig(partial, dpi=110, format="png")


def _draw_people(axes: Any, report: AuditReport) -> None:
    counts = sorted(report.per_person.values(), key=lambda n: (-n["unmasked"], -n["masked"]))
    for domain, color in _COLOURS.items():
        total = sum(n[domain] for n in counts)
        label = f"{domain}: {total}"
        values = [n[domain] for n in counts]
        axes.fill_between(range(len(counts)), values, step="mid", color=color, alpha=0.25)
        axes.step(range(len(counts)), values, where="mid", color=color, label=label, linewidth=1)
    axes.set_yscale("symlog", linthresh=10)  # fifty times more unmasked than masked in RMFRD
    axes.set_ylim(0)
    axes.margins(x=0)
    axes.set(title="Images per person", xlabel="people, by unmasked images", ylabel="images")
    axes.legend(frameon=False)


def _draw_sizes(axes: Any, report: AuditReport) -> None:
    shown = dict(list(report.sizes.items())[:8])
    rest = sum(report.sizes.values()) - sum(shown.values())
    if rest:
        shown["other"] = rest
    axes.barh(list(shown), list(shown.values()), color="#888888")
    axes.invert_yaxis()
    axes.set(title="Sizes in pixels", xlabel="images")


def _draw_findings(axes: Any, report: AuditReport) -> None:
    found = {
        "cannot be used": len(report.undecodable),
        "left out": len(report.excluded),
        "copies": report.copies,
        "copies under two people": len(report.duplicates_across_people),
        "one-image people": len(report.single_image),
        "rotated by EXIF": len(report.turned),
        "wrong extension": len(report.misnamed),
        "black or uniform": len(report.blank),
        "other domain?": len(report.domain_check.suspects),
    }
    bars = axes.barh(list(found), list(found.values()), color="#ccbb44")
    axes.bar_label(bars, padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set(title="Findings", xlabel="files, groups or people")
