"""A profile as a table and as a roofline plot."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from colonnade.bench.plot import check_plot_path
from colonnade.bench.profile import LayerProfile, Profile
from colonnade.errors import ColonnadeError
from colonnade.files import write_atomic
from colonnade.runtime.binding import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.table import Table

_COLOURS = {"pruned": "#0b7285", "dense": "#868e96"}


def table(found: Profile) -> Table:
    """One row per layer in running order, the whole network, and below what the machine can do."""
    from rich.table import Table

    text = Table("layer", "step", "algorithm", caption=_caption(found), caption_justify="left")
    for heading in ("ms", "share", "GFLOPS", "% of peak", "% memory"):
        text.add_column(heading, justify="right")
    text.add_column("bound by")
    for row in found.layers:
        text.add_row(
            printable(row.name),
            row.op,
            row.algorithm,
            f"{row.ms:.3f}",
            f"{row.share:.1%}",
            "-" if row.gflops is None else f"{row.gflops:.1f}",
            "-" if row.peak_share is None else f"{row.peak_share:.0%}",
            f"{row.memory_share:.0%}",
            row.bound,
        )
    text.add_section()
    gflops = 2 * sum(row.macs for row in found.layers) / found.ms / 1e6 if found.ms else 0.0
    whole = (f"{found.ms:.3f}", "", f"{gflops:.1f}", f"{gflops / found.roofs.gflops:.0%}", "", "")
    text.add_row("whole network", "", "", *whole, style="bold")
    return text


def summary(found: Profile) -> str:
    """How close the pruned convolutions come to the peak, in one line."""
    if found.sparse_peak_share is None:
        return "no pruned convolutions"
    count = sum(row.sparse for row in found.layers)
    return f"pruned convolutions: {found.sparse_peak_share:.1%} of the FMA peak (geometric mean of {count} layers)"


def _caption(found: Profile) -> str:
    threads = "1 thread" if found.threads == 1 else f"{found.threads} threads"
    return (
        f"{found.machine['cpu']}, {found.target}, {threads}; fastest of {found.repeat} rounds. Peak "
        f"{found.roofs.gflops:.1f} GFLOPS; reading, GB/s: L2 {found.roofs.l2_gbs:.1f}, memory as large as the model "
        f"{found.roofs.weights_gbs:.1f}, beyond caches {found.roofs.memory_gbs:.1f}."
    )


def write_plot(found: Profile, path: Path) -> None:
    """The layers under the machine's roofs, as PNG or SVG by the path's suffix. ColonnadeError for another suffix,
    without matplotlib, or if no layer multiplies and adds."""
    check_plot_path(path)
    rows = [row for row in found.layers if row.gflops is not None]
    if not rows:
        raise ColonnadeError(f"{path}: no layer multiplies and adds, so there is nothing to draw")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    axes = figure.add_subplot()
    for label, colour in _COLOURS.items():
        chosen = [row for row in rows if row.sparse == (label == "pruned")]
        if chosen:
            x, y = [_intensity(row) for row in chosen], [row.gflops or 0.0 for row in chosen]
            sizes = [10 + 600 * row.share for row in chosen]
            axes.scatter(x, y, sizes, colour, alpha=0.75, linewidths=0, label=f"{label} layers", zorder=3)
    _draw_roofs(axes, found, [_intensity(row) for row in rows])
    axes.set(xscale="log", yscale="log", xlabel="FLOP per byte of weights, inputs and outputs", ylabel="GFLOPS")
    axes.legend(loc="lower right", fontsize=8, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"{Path(found.model).stem}\n{summary(found)}", x=0.01, horizontalalignment="left", fontsize=10)
    image = io.BytesIO()
    figure.savefig(image, format=path.suffix.lower().lstrip("."), dpi=200)
    write_atomic(path, image.getvalue())


def _draw_roofs(axes: Axes, found: Profile, intensities: list[float]) -> None:
    """The peak, and for each level of memory the slope up to it."""
    x = np.geomspace(min(intensities) / 2, max(intensities) * 2, 200)
    roofs = found.roofs
    slopes = (("L2", roofs.l2_gbs), ("weights", roofs.weights_gbs), ("memory", roofs.memory_gbs))
    for (name, rate), style in zip(slopes, ("-", "--", ":"), strict=True):
        text = f"{name}, {rate:.0f} GB/s"
        axes.plot(x, np.minimum(rate * x, roofs.gflops), style, color="#495057", linewidth=1, label=text)
    axes.text(x[0], roofs.gflops * 1.04, f"FMA peak {roofs.gflops:.0f} GFLOPS", fontsize=8)


def _intensity(row: LayerProfile) -> float:
    """FLOP per byte."""
    return 2 * row.macs / (row.weight_bytes + row.data_bytes)
