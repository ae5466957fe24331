"""The results of all runs as JSON, a table in Markdown, and a plot."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from post_training import METHODS, Row

from colonnade.bench.plot import write_figure
from colonnade.files import write_atomic

_PLOTTED = (
    "filters",
    "row-wise N:M",
    "unstructured",
    "columns recalibrated",
    "reconstruction",
    "clustering",
    "budgets of multiply-adds",
    "budgets of weights",
)
_MEANS = ("agreement", "weights", "multiply_adds")


@dataclass(frozen=True)
class Summary:
    """Of one row over its runs: points lost, mean and standard deviation (0 of one run); means of the others."""

    runs: int
    lost: float
    spread: float
    agreement: float
    weights: float
    multiply_adds: float


def write_report(rows: Sequence[Row], folder: Path) -> None:
    """results.json, table.md and plot.png of those rows whose results are there."""
    results = [json.loads(row.path(folder).read_text()) for row in rows if row.path(folder).exists()]
    dense = json.loads((folder / "dense.json").read_text())
    content = {"dense": dense, "rows": results}
    write_atomic(folder / "results.json", (json.dumps(content, indent=1) + "\n").encode())
    found = _summaries(results)
    write_atomic(folder / "table.md", _table(found).encode())
    write_figure(_plot(found), folder / "plot.png")


def _summaries(results: Sequence[dict[str, float]]) -> dict[Row, Summary]:
    by_setting: dict[Row, list[dict[str, float]]] = defaultdict(list)
    for result in results:
        row = Row(**{name: result[name] for name in Row.__dataclass_fields__})
        by_setting[row.setting].append(result)
    return {row: _summary(some) for row, some in by_setting.items()}


def _summary(results: Sequence[dict[str, float]]) -> Summary:
    columns = {key: np.array([result[key] for result in results]) for key in ("lost", *_MEANS)}
    spread = float(columns["lost"].std(ddof=1)) if len(results) > 1 else 0.0
    return Summary(len(results), float(columns["lost"].mean()), spread, *(float(columns[key].mean()) for key in _MEANS))


def _table(found: dict[Row, Summary]) -> str:
    """A line for each way to prune, a column for each sparsity."""
    sparsities = sorted({row.sparsity for row in found})
    lines = [
        "| points of top-1 lost | tile | M | " + " | ".join(f"{sparsity:.1%}" for sparsity in sparsities) + " |",
        "|---" * (3 + len(sparsities)) + "|",
    ]
    settings = dict.fromkeys((row.method, row.tile, row.group) for row in found)
    for method, tile, group in sorted(settings, key=lambda key: list(METHODS).index(key[0])):
        cells = [_cell(found.get(Row(method, sparsity, 0, tile, group))) for sparsity in sparsities]
        tiled = method not in ("filters", "row-wise N:M", "unstructured")
        size = (str(tile), str(group or "all")) if tiled else ("", "")
        lines.append(f"| {method} | {' | '.join((*size, *cells))} |")
    return "\n".join(lines) + "\n"


def _cell(summary: Summary | None) -> str:
    if summary is None:
        return ""
    spread = f" ± {summary.spread:.2f}" if summary.runs > 1 else ""
    return f"{summary.lost:.2f}{spread}"


def _plot(found: dict[Row, Summary]) -> Figure:
    """Points lost over the multiply-adds that are left."""
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for method in _PLOTTED:
        points = [
            (100 * summary.multiply_adds, max(summary.lost, 0.05), summary.spread)
            for row, summary in sorted(found.items(), key=lambda item: item[0].sparsity)
            if row == Row(method, row.sparsity, 0)
        ]
        if points:
            work, lost, spread = zip(*points, strict=True)
            axes.errorbar(work, lost, spread, marker="o", markersize=4, linewidth=1.2, capsize=2, label=method)
    axes.set_yscale("log")
    axes.set_xlabel("multiply-adds left in the pruned layers, %")
    axes.set_ylabel("points of top-1 lost")
    axes.grid(axis="y", linewidth=0.3)
    axes.legend(frameon=False, fontsize=8)
    return figure
