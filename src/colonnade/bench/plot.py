"""A bar chart of a benchmark, for a README."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from colonnade.bench.report import Report, Result, ratio_text
from colonnade.bench.worker import OWN
from colonnade.errors import ColonnadeError
from colonnade.files import write_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OWN_COLOUR = "#0b7285"
PEER_GREYS = ("#6c757d", "#868e96", "#a3a9af", "#bfc4c9")
_FORMATS = ("png", "svg")


def check_plot_path(path: Path) -> None:
    """ColonnadeError unless `path` ends in a format we draw and matplotlib is there to draw it."""
    if path.suffix.lower().lstrip(".") not in _FORMATS:
        raise ColonnadeError(f"{path}: a plot is written as .png or .svg; give the file one of these suffixes")
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError:
        raise ColonnadeError("a plot needs matplotlib: pip install 'colonnade[report]'") from None


def write_plot(report: Report, path: Path) -> None:
    """Draw medians as horizontal bars, slowest first, each with its time and its factor over the fastest peer.

    PNG or SVG by the path's suffix. Raises ColonnadeError for another suffix, without matplotlib or without results.
    """
    check_plot_path(path)
    if not report.results:
        raise ColonnadeError(f"{path}: no runtime has a time, so there is nothing to draw")
    from matplotlib.figure import Figure

    rows = sorted(report.results, key=lambda row: row.median_ms, reverse=True)
    figure = Figure(figsize=(7.2, 0.9 + 0.42 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    bars = axes.barh([row.label for row in rows], [row.median_ms for row in rows], color=_colours(rows), height=0.7)
    axes.bar_label(bars, labels=[_bar_text(report, row) for row in rows], padding=4, fontsize=9)
    axes.invert_yaxis()  # the slowest on top
    axes.set_xlim(0, rows[0].median_ms * 1.28)  # room for the labels
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "bottom", "left"):
        axes.spines[side].set_visible(False)
    figure.suptitle(_title(report), x=0.01, horizontalalignment="left", fontsize=10)
    write_figure(figure, path)


def write_figure(figure: Figure, path: Path) -> None:
    """Write a matplotlib figure, whole or not at all; the suffix is one that `check_plot_path` accepts."""
    image = io.BytesIO()
    figure.savefig(image, format=path.suffix.lower().lstrip("."), dpi=200)
    write_atomic(path, image.getvalue())


def _colours(rows: list[Result]) -> list[str]:
    greys = iter(PEER_GREYS * len(rows))
    return [OWN_COLOUR if row.runtime == OWN else next(greys) for row in rows]


def _bar_text(report: Report, row: Result) -> str:
    time = f"{row.median_ms:.1f} ms"
    return time if report.fastest_peer is None else f"{time}   {ratio_text(report.fastest_peer, row)}"


def _title(report: Report) -> str:
    row = report.results[0]
    threads = "1 thread" if row.threads == 1 else f"{row.threads} threads"
    factor = f"; factors over {report.fastest_peer.runtime}" if report.fastest_peer is not None else ""
    what = f"{row.model}, f32, batch {row.batch}, {threads}, {report.machine['cpu']}"
    return f"{what}\nmedian ms, lower is better{factor}"
