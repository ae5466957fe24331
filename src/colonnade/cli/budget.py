"""Commands that choose: allocate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from colonnade.cli.options import (
    GroupOption,
    PlanOption,
    PreprocessOption,
    RepeatOption,
    SizeOption,
    SkipOption,
    SubjectArgument,
    ThreadsOption,
    TileOption,
    check_positive,
    parse_group,
    parse_plan,
    parse_sparsities,
    parse_tile,
    print_table,
    progress_bar,
)
from colonnade.errors import ColonnadeError

if TYPE_CHECKING:
    from colonnade.calibrate.settings import Method


def allocate(
    model: SubjectArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="ONNX file to write.", show_default=False)],
    data: Annotated[Path, typer.Option(help="Sample images: folder, .npy or .npz; no labels.", show_default=False)],
    latency: Annotated[str | None, typer.Option(help="Milliseconds of a run, such as 20ms.")] = None,
    speedup: Annotated[str | None, typer.Option(help="Times as fast as dense, such as 1.5x.")] = None,
    sparsity: Annotated[str | None, typer.Option(help="Share of zeros in all prunable layers together.")] = None,
    levels: Annotated[str, typer.Option(help="Sparsities a layer may have.")] = "0.5,0.75,0.875",
    preprocess: PreprocessOption = None,
    samples: Annotated[int, typer.Option(help="Images to draw from those of --data.")] = 512,
    method: Annotated[str, typer.Option(help="How columns are chosen: magnitude, activation or obs.")] = "obs",
    seed: Annotated[int, typer.Option(help="Of the draw of images and positions.")] = 0,
    threads: ThreadsOption = 1,
    repeat: RepeatOption = 20,
    input_size: SizeOption = None,
    tile: TileOption = "8",
    group: GroupOption = "all",
    skip: SkipOption = None,
    plan: PlanOption = "tuned",
    json: Annotated[Path | None, typer.Option(help="Write tables, choice and curve to this file.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the curve to this .png or .svg file.")] = None,
) -> None:
    """Prune each layer as far as a latency, a speedup or a sparsity of the whole network asks."""
    from colonnade.bench.machine import machine_facts
    from colonnade.bench.plot import check_plot_path
    from colonnade.bench.run import Options
    from colonnade.budget import report
    from colonnade.budget.allocation import allocate as run_allocate
    from colonnade.budget.goal import Goal
    from colonnade.calibrate.settings import Calibration
    from colonnade.data import open_dataset, parse_preprocess
    from colonnade.files import check_writable

    settings = Calibration(method=cast("Method", method), seed=seed)
    goal = Goal(
        _parse_number(latency, "--latency", "ms"),
        _parse_number(speedup, "--speedup", "x"),
        _parse_number(sparsity, "--sparsity", ""),
    )
    options = Options(
        sparsities=parse_sparsities(levels),
        threads=threads,
        repeat=repeat,
        input_size=input_size,
        tile=parse_tile(tile),
        group=parse_group(group),
        skip=tuple(skip or ()),
        plan=parse_plan(plan),
    )
    check_positive("--samples", samples)
    check_positive("--input-size", input_size)
    for path in (output, json, plot):
        if path is not None:
            check_writable(path)
    if plot is not None:
        check_plot_path(plot)
    images = open_dataset(data).sample(samples, seed)
    chosen = None if preprocess is None else parse_preprocess(preprocess)
    with progress_bar() as tell:
        found = run_allocate(model, images, goal, options, settings, chosen, tell)
    found.model.save(output)
    print_table(report.layer_table(found))
    print_table(report.curve_table(found))
    typer.echo(f"{output}: {report.summary(found)}")
    if json is not None:
        report.write_json(found, machine_facts(), json)
    if plot is not None:
        report.write_plot(found, plot)


def _parse_number(text: str | None, option: str, unit: str) -> float | None:
    if text is None:
        return None
    try:
        return float(text.removesuffix(unit))
    except ValueError:
        raise ColonnadeError(f"{option}: '{text}' is not a number{f' of {unit}' if unit else ''}") from None
