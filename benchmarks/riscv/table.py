"""The table and the plot of docs/results-riscv.md: modelled cycles of networks on a SpacemiT X60.

    python table.py run resnet18 resnet50 --json results/riscv.json      simulate (minutes to hours), keep every row
    python table.py show results/riscv.json --plot ../../docs/riscv.svg  print the Markdown table, draw the plot

`run` adds to the file what it does not hold yet, so it may be stopped and run again.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from colonnade import zoo
from colonnade.bench.modelled_report import (
    RECORDED,
    ModelledOptions,
    ModelledReport,
    numbers,
    read_json,
    run_modelled,
    write_json,
)
from colonnade.bench.progress import silent
from colonnade.bench.worker import OWN

HEADINGS = (
    "network",
    "runtime",
    "M cycles",
    "convolutions",
    "vs own dense",
    "vs XNNPACK",
    "kernels",
    "other",
    "M instr",
)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def run(
    networks: Annotated[list[str] | None, typer.Argument(help="Zoo networks. [default: all]")] = None,
    json: Annotated[Path, typer.Option(help="Rows are kept here.")] = Path("results/riscv.json"),
    sparsity: Annotated[str, typer.Option(help="Comma-separated.")] = "0,0.25,0.5,0.75",
    tile: Annotated[int, typer.Option(help="T of the masks.")] = 14,
    plan: Annotated[str, typer.Option(help="default or tuned.")] = "tuned",
) -> None:
    """Simulate networks and keep the rows."""
    report = read_json(json) if json.exists() else None
    for network in networks or zoo.NAMES:
        for wanted in sorted(float(text) for text in sparsity.split(",")):
            if report and any(
                (row.model, row.runtime, row.sparsity) == (network, OWN, wanted) for row in report.results
            ):
                continue
            found = run_modelled(network, _options(wanted, tile, plan), silent)
            report = found if report is None else _merged(report, found)
            json.parent.mkdir(parents=True, exist_ok=True)
            write_json(report, json)
            print(network, wanted, flush=True)


def _options(sparsity: float, tile: int, plan: str) -> ModelledOptions:
    if plan not in ("default", "tuned"):
        raise typer.BadParameter(f"--plan: '{plan}' is neither default nor tuned")
    return ModelledOptions(sparsities=(sparsity,), tile=tile, plan="tuned" if plan == "tuned" else "default")


def _merged(old: ModelledReport, new: ModelledReport) -> ModelledReport:
    rows = {(row.model, row.runtime, row.sparsity): row for row in (*old.results, *new.results)}
    order = sorted(rows, key=lambda key: (zoo.NAMES.index(key[0]), key[1] != RECORDED, key[2]))
    return replace(old, results=tuple(rows[key] for key in order))


@app.command()
def show(
    json: Annotated[Path, typer.Argument(help="What `run` wrote.")],
    plot: Annotated[Path | None, typer.Option(help="Draw to this .svg or .png file.")] = None,
) -> None:
    """Print the Markdown table, and draw."""
    report = read_json(json)
    print(f"| {' | '.join(HEADINGS)} |\n|---|---|{'---:|' * (len(HEADINGS) - 2)}")
    for row in report.results:
        print(f"| {row.model} | {row.label} | {' | '.join(numbers(report, row))} |")
    if plot:
        draw(report, plot)


def draw(report: ModelledReport, path: Path) -> None:
    """Convolutions' modelled cycles: one group of bars per network, XNNPACK's first where it was recorded."""
    from matplotlib.figure import Figure

    labels = list(dict.fromkeys(row.label for row in report.results))
    labels.sort(key=lambda label: label != RECORDED)
    models = list(dict.fromkeys(row.model for row in report.results))
    figure = Figure(figsize=(1.8 + 1.2 * len(models), 3.6), layout="constrained")
    axes = figure.add_subplot()
    width = 0.8 / len(labels)
    colours = ["#adb5bd", "#74c0c8", "#3fa7b3", "#0b7285", "#063f4a"]
    for index, label in enumerate(labels):
        rows = {row.model: row.conv_cycles / 1e6 for row in report.results if row.label == label}
        places = [models.index(model) + (index - (len(labels) - 1) / 2) * width for model in rows]
        axes.bar(places, list(rows.values()), width * 0.92, label=label, color=colours[index % len(colours)])
    axes.set_xticks(range(len(models)), models)
    axes.set_ylabel("million cycles, modelled")
    axes.set_title(f"Convolutions on a modelled {report.core}, one core, f32, batch 1", fontsize=10, loc="left")
    axes.legend(frameon=False, fontsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(path)


if __name__ == "__main__":
    app()
