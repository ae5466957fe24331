"""A demonstration as a table, JSON and a picture."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from colonnade.bench.demo import Accuracy, Demo
from colonnade.bench.plot import OWN_COLOUR, PEER_GREYS, write_figure
from colonnade.bench.report import Result, caption, ratio_text, sparsity_text
from colonnade.bench.worker import OWN
from colonnade.files import write_atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.table import Table


@dataclass(frozen=True)
class _Row:
    """What one runtime does with one network. accuracy: of Colonnade's alone, as others run the dense network; time:
    None if it failed; ratio: how many times as fast as Colonnade's dense."""

    network: str
    runtime: str
    accuracy: Accuracy | None
    time: Result | None
    ratio: str


def table(found: Demo) -> Table:
    """The rows of each network: other runtimes, which run it dense, then Colonnade by sparsity."""
    from rich.table import Table

    lines = [line for shown in found.networks for line in caption(shown.speed).splitlines()]
    text = Table(
        title=_title(found), title_justify="left", caption="\n".join(dict.fromkeys(lines)), caption_justify="left"
    )
    for heading in ("network", "runtime"):
        text.add_column(heading)
    for heading in ("top-1", "interval", "points from dense", "median ms", "vs own dense"):
        text.add_column(heading, justify="right")
    before = ""
    for row in _rows(found):
        if before not in ("", row.network):
            text.add_section()
        before = row.network
        ms = "-" if row.time is None else f"{row.time.median_ms:.3f}"
        cells = (*_accuracy_cells(row.accuracy), ms, row.ratio)
        text.add_row(row.network, row.runtime, *cells, style="bold" if row.accuracy else "")
    return text


def write_json(found: Demo, path: Path) -> None:
    """Write everything that was found, whole or not at all. Shares are between 0 and 1."""
    write_atomic(path, (json.dumps(asdict(found), indent=2, allow_nan=False) + "\n").encode())


def write_plot(found: Demo, path: Path) -> None:
    """Draw the table's rows as .png or .svg: times as bars, and beside them top-1 with its interval."""
    from matplotlib.figure import Figure

    rows = list(_rows(found))
    figure = Figure(figsize=(8.6, 1.1 + 0.36 * len(rows)), layout="constrained")
    times, shares = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    _draw_times(times, rows)
    _draw_shares(shares, rows)
    figure.suptitle(_title(found), x=0.01, horizontalalignment="left", fontsize=9)
    write_figure(figure, path)


def _rows(found: Demo) -> Iterator[_Row]:
    for shown in found.networks:
        dense = shown.speed.own_dense
        for peer in shown.speed.results:
            if peer.runtime != OWN:
                runtime = f"{peer.runtime} {sparsity_text(peer.sparsity)}"
                yield _Row(shown.network, runtime, None, peer, ratio_text(dense, peer))
        own = {row.sparsity: row for row in shown.speed.results if row.runtime == OWN}
        for accuracy in shown.accuracy:
            time = own.get(accuracy.sparsity)
            runtime = f"{OWN} {sparsity_text(accuracy.sparsity)}"
            yield _Row(shown.network, runtime, accuracy, time, "-" if time is None else ratio_text(dense, time))


def _title(found: Demo) -> str:
    images = found.networks[0].accuracy[0].top1.total
    return (
        f"{found.data}: top-1 on all {images} test images, with 95% intervals\n"
        f"pruned by {found.samples} training images without labels, not trained again"
    )


def _accuracy_cells(accuracy: Accuracy | None) -> tuple[str, str, str]:
    if accuracy is None:
        return "", "", ""
    top1, by = accuracy.top1, accuracy.difference
    interval = f"{top1.low * 100:.2f} to {top1.high * 100:.2f}"
    return f"{top1.value:.2%}", interval, "" if by is None else f"{by.value * 100:+.2f}"


def _draw_times(axes: Axes, rows: list[_Row]) -> None:
    ms = [row.time.median_ms if row.time else 0.0 for row in rows]
    places = range(len(rows))
    bars = axes.barh(places, ms, color=[OWN_COLOUR if row.accuracy else PEER_GREYS[0] for row in rows], height=0.7)
    axes.bar_label(bars, [f"{row.time.median_ms:.3f} ms   {row.ratio}" if row.time else "-" for row in rows], padding=4)
    axes.set_yticks(places, [f"{row.network}, {row.runtime}" for row in rows])
    axes.invert_yaxis()
    axes.set_xlim(0, max(ms, default=1.0) * 1.7)  # room for the labels
    axes.set_xlabel("median ms of one image, factor over own dense")


def _draw_shares(axes: Axes, rows: list[_Row]) -> None:
    for place, row in enumerate(rows):
        if row.accuracy:
            top1 = row.accuracy.top1
            error = [[(top1.value - top1.low) * 100], [(top1.high - top1.value) * 100]]
            axes.errorbar([top1.value * 100], [place], xerr=error, fmt="o", color=OWN_COLOUR, capsize=3)
    axes.set_xlabel("top-1, %")
    axes.grid(axis="x", alpha=0.3)
