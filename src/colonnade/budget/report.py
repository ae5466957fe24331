"""An allocation as a table, JSON and a plot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from colonnade.bench.plot import write_figure
from colonnade.bench.timing import milliseconds
from colonnade.budget.allocation import Allocation
from colonnade.files import write_atomic

if TYPE_CHECKING:
    from rich.table import Table

_POINTS = 100  # of the curve in files
_ROWS = 9  # of the curve in a table


def layer_table(found: Allocation) -> Table:
    """A row for each layer."""
    from rich.table import Table

    tables = found.tables
    text = Table("layer", title=f"{found.model.name}, {found.goal}", title_justify="left")
    for heading in ("sparsity", _unit(found), "of dense", "error"):
        text.add_column(heading, justify="right")
    for row, (layer, level) in enumerate(found.levels.items()):
        column = tables.levels.index(level)
        cost, dense = tables.cost[row, column], tables.cost[row, 0]
        text.add_row(layer, str(level), f"{cost:.3f}", f"{cost / dense:.0%}", f"{tables.error[row, column]:.5f}")
    text.add_section()
    whole = (f"{found.cost:.3f}", f"{found.cost / tables.dense_cost:.0%}", f"{found.predicted:.5f}")
    text.add_row("whole network", "", *whole, style="bold")
    return text


def curve_table(found: Allocation) -> Table:
    """The curve: what other goals would cost."""
    from rich.table import Table

    text = Table(title="least predicted error", title_justify="left")
    for heading in (_unit(found), _gain(found), "error"):
        text.add_column(heading, justify="right")
    for cost, error in _thinned(found, _ROWS):
        gain = f"{found.tables.dense_cost / cost:.2f}x" if found.goal.timed else f"{1 - cost:.1%}"
        text.add_row(f"{cost:.3f}", gain, f"{error:.5f}")
    return text


def time_table(found: Allocation) -> Table | None:
    """What was asked, predicted, and measured or modelled, for a goal about time."""
    from rich.table import Table

    if found.outcome is None:
        return None
    dense, asked = found.tables.dense_cost, found.goal.limit(found.tables.dense_cost)
    text = Table("whole network", title="times", title_justify="left")
    for heading in ("dense ms", "pruned ms", "speedup"):
        text.add_column(heading, justify="right")
    for name, before, after in (
        ("asked", None, asked),
        ("predicted", dense, found.cost),
        (found.outcome.clock, found.outcome.dense, found.outcome.pruned),
    ):
        text.add_row(
            name, "" if before is None else f"{before:.3f}", f"{after:.3f}", f"{(before or dense) / after:.2f}x"
        )
    return text


def summary(found: Allocation) -> str:
    """What was reached."""
    if found.outcome is None:
        reached = f"{1 - found.cost:.1%} zeros in the layers above"
    else:
        reached = f"{found.outcome.pruned:.3f} {_unit(found)}, {found.outcome.dense / found.outcome.pruned:.2f}x"
    return f"{reached}; relative error of the scores {found.error:.5f} measured, {found.predicted:.5f} predicted"


def write_json(found: Allocation, machine: Mapping[str, object], path: Path) -> None:
    """Write the goal, the tables, what was chosen and up to a hundred points of the curve, whole or not at all."""
    tables = found.tables
    content = {
        "machine": dict(machine),
        "model": found.model.name,
        "goal": str(found.goal),
        "unit": _unit(found),
        "cost": found.cost,
        "dense_cost": tables.dense_cost,
        "outcome": None if found.outcome is None else asdict(found.outcome),
        "error": found.error,
        "predicted_error": found.predicted,
        "levels": [asdict(level) for level in tables.levels],
        "layers": [
            {"name": layer, "chosen": asdict(found.levels[layer]), "cost": cost, "error": error}
            for layer, cost, error in zip(tables.layers, tables.cost.tolist(), tables.error.tolist(), strict=True)
        ],
        "curve": [{"cost": cost, "error": error} for cost, error in _thinned(found, _POINTS)],
    }
    write_atomic(path, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())


def write_plot(found: Allocation, path: Path) -> None:
    """Draw the curve, the choice, and the networks of one sparsity throughout, as .png or .svg."""
    from matplotlib.figure import Figure

    tables = found.tables
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(*zip(*_thinned(found, _POINTS), strict=True), color="#0b7285", label="chosen per layer")
    axes.plot(
        tables.cost.sum(0) + tables.fixed,
        tables.error.sum(0),
        "o",
        color="#868e96",
        label="one for all layers",
    )
    axes.plot([found.cost], [found.predicted], "D", color="#c92a2a", label=str(found.goal))
    axes.set_xlabel(_unit(found))
    axes.set_ylabel("predicted relative error of the scores")
    axes.set_title(found.model.name, loc="left", fontsize=10)
    axes.legend(frameon=False)
    write_figure(figure, path)


def _thinned(found: Allocation, count: int) -> list[tuple[float, float]]:
    """Up to `count` points (cost, error) of the curve at about equal distances in cost."""
    curve = found.tables.curve
    wanted = np.linspace(curve.cost[0], curve.cost[-1], count)
    chosen = np.unique(np.clip(np.searchsorted(curve.cost, wanted, side="right") - 1, 0, None))
    return list(zip(curve.cost[chosen].tolist(), curve.loss[chosen].tolist(), strict=True))


def _unit(found: Allocation) -> str:
    return "weights kept" if found.outcome is None else milliseconds(found.outcome.clock)


def _gain(found: Allocation) -> str:
    return "speedup" if found.goal.timed else "zeros"
