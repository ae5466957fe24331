"""Modelled cycles as a table and as a plot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from colonnade.bench.modelled_report import RECORDED, ModelledReport, ModelledRow
from colonnade.bench.plot import write_figure

if TYPE_CHECKING:
    from rich.table import Table

HEADINGS = ("M cycles", "instr", "convolutions", "instr", "vs own dense", "vs XNNPACK", "GEMM", "packing", "M instr")
_GREY = "#adb5bd"
_BLUES = ("#9bd1d8", "#4db0bc", "#16808f", "#0b5a68", "#063f4a")


def numbers(report: ModelledReport, row: ModelledRow) -> tuple[str, ...]:
    """A row's numbers under HEADINGS: millions, and ratios of convolutions' cycles (reading: stream). The two columns
    "instr" are the cycles before them in that reading."""
    own, recorded = report.own_dense(row.model), report.recorded(row.model)
    only_convolutions = row.runtime == RECORDED
    return (
        "-" if only_convolutions else _millions(row.cycles),
        "-" if only_convolutions else _millions(row.cycles_instr),
        _millions(row.conv_cycles),
        _millions(row.conv_cycles_instr),
        _ratio(own, row),
        _ratio(recorded, row),
        _millions(row.gemm_cycles),
        _millions(row.packing_cycles),
        _millions(row.instructions),
    )


def _ratio(baseline: ModelledRow | None, row: ModelledRow) -> str:
    return f"{baseline.conv_cycles / row.conv_cycles:.2f}x" if baseline else "-"


def _millions(value: float | None) -> str:
    return "-" if value is None else f"{value / 1e6:.1f}"


def caption(report: ModelledReport) -> str:
    """What the numbers are."""
    return (
        f"Modelled, not measured: {report.core}, one core, f32, batch 1; millions of cycles, reading stream, or instr "
        "where it says so. Ratios are of convolutions; GEMM and packing (instr) are theirs. docs/riscv-model.md."
    )


def table(report: ModelledReport) -> Table:
    """The rows as a rich table."""
    from rich.table import Table

    text = Table(caption=caption(report), caption_justify="left")
    for heading in ("model", "runtime"):
        text.add_column(heading)
    for heading in ("sparsity", *HEADINGS):
        text.add_column(heading, justify="right")
    for row in report.results:
        text.add_row(row.model, row.runtime, f"{row.sparsity * 100:.4g}%", *numbers(report, row))
    return text


def write_plot(report: ModelledReport, path: Path) -> None:
    """Draw the convolutions' cycles (reading: stream): a group of bars per network, a bar per sparsity with its factor
    over the dense one, before them XNNPACK's where it was recorded. PNG or SVG by the path's suffix."""
    from matplotlib.figure import Figure

    models = list(dict.fromkeys(row.model for row in report.results))
    labels = sorted({row.label: row.sparsity for row in report.results}.items(), key=lambda item: item[1])
    labels.sort(key=lambda item: item[0] != RECORDED)
    figure = Figure(figsize=(1.8 + 1.3 * len(models), 3.6), layout="constrained")
    axes = figure.add_subplot()
    width = 0.84 / len(labels)
    blues = iter(_BLUES * len(labels))
    for index, (label, _) in enumerate(labels):
        rows = [row for row in report.results if row.label == label]
        places = [models.index(row.model) + (index - (len(labels) - 1) / 2) * width for row in rows]
        colour = _GREY if label == RECORDED else next(blues)
        bars = axes.bar(places, [row.conv_cycles / 1e6 for row in rows], width * 0.92, label=label, color=colour)
        factors = [_ratio(report.own_dense(row.model), row) if row.sparsity else "" for row in rows]
        axes.bar_label(bars, labels=factors, fontsize=6, rotation=90, padding=2)
    axes.set_xticks(range(len(models)), models)
    axes.set_ylabel("million cycles, modelled")
    title = f"Convolutions on a modelled {report.core}, one core, f32, batch 1; factors over Colonnade's own dense plan"
    axes.set_title(title, fontsize=9, loc="left")
    axes.legend(frameon=False, fontsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    write_figure(figure, path)
