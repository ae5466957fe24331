"""Pruning for a goal: the command allocate, and what prune shares with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from colonnade.cli.options import (
    GroupOption,
    JsonOption,
    LatencyOption,
    LevelsOption,
    MethodOption,
    PlanOption,
    PlotOption,
    PreprocessOption,
    RepeatOption,
    RunnerOption,
    SamplesOption,
    SeedOption,
    SizeOption,
    SkipOption,
    SpeedupOption,
    SubjectArgument,
    TargetOption,
    ThreadsOption,
    TilesOption,
    check_outputs,
    check_positive,
    parse_group,
    parse_plan,
    parse_sparsities,
    parse_tiles,
    print_table,
    progress_bar,
)
from colonnade.errors import ColonnadeError

if TYPE_CHECKING:
    from colonnade.bench.run import Options
    from colonnade.budget.goal import Goal
    from colonnade.calibrate.settings import Calibration, Method

LEVELS = "0.5,0.75,0.875"


def allocate(
    model: SubjectArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="ONNX file to write.", show_default=False)],
    data: Annotated[
        Path, typer.Option(help="Images to prune by, without labels: a folder, .npy or .npz.", show_default=False)
    ],
    latency: LatencyOption = None,
    speedup: SpeedupOption = None,
    sparsity: Annotated[
        str | None, typer.Option(help="Goal: share of weights that become zero in all prunable layers together.")
    ] = None,
    levels: LevelsOption = LEVELS,
    preprocess: PreprocessOption = None,
    samples: SamplesOption = 512,
    method: MethodOption = "obs",
    seed: SeedOption = 0,
    threads: ThreadsOption = 1,
    repeat: RepeatOption = 20,
    input_size: SizeOption = None,
    tile: TilesOption = "8",
    group: GroupOption = "all",
    skip: SkipOption = None,
    plan: PlanOption = "tuned",
    target: TargetOption = "native",
    runner: RunnerOption = "local",
    json: JsonOption = None,
    plot: PlotOption = None,
) -> None:
    """Prune each layer to a sparsity of its own, such that the network reaches a latency, a speedup or a sparsity."""
    from colonnade.bench.run import Options
    from colonnade.calibrate.settings import Calibration

    one, several = parse_tiles(tile)
    options = Options(
        sparsities=parse_sparsities(levels, "--levels"),
        threads=threads,
        repeat=repeat,
        input_size=input_size,
        tile=one,
        group=parse_group(group),
        skip=tuple(skip or ()),
        plan=parse_plan(plan),
        target=target,
        runner=runner,
    )
    settings = Calibration(method=cast("Method", method), seed=seed)
    images = Images(data, samples, preprocess)
    goal = parse_goal(latency, speedup, sparsity)
    prune_to_goal(model, images, goal, options, settings, Results(output, json, plot), several)


@dataclass(frozen=True)
class Images:
    """The images to prune by, as the options name them."""

    data: Path | None
    samples: int
    preprocess: str | None


@dataclass(frozen=True)
class Results:
    """The files to write: the pruned ONNX model; tables, choice and curve; a picture of the curve."""

    model: Path
    json: Path | None
    plot: Path | None


def parse_goal(latency: str | None, speedup: str | None, sparsity: str | None) -> Goal:
    """The goal that the options state. ColonnadeError unless it is exactly one."""
    from colonnade.budget.goal import Goal

    return Goal(
        _parse_number(latency, "--latency", "ms", "20ms"),
        _parse_number(speedup, "--speedup", "x", "1.5x"),
        _parse_number(sparsity, "--sparsity", "", "0.6"),
    )


def prune_to_goal(
    model: str,
    images: Images,
    goal: Goal,
    options: Options,
    settings: Calibration,
    results: Results,
    tiles: tuple[int, ...],
) -> None:
    """Prune a network for a goal, print what was chosen and reached, and write the files. tiles: to choose from, or
    none."""
    from colonnade.bench.machine import machine_facts
    from colonnade.budget import report
    from colonnade.budget.allocation import allocate as run_allocate
    from colonnade.data import open_dataset, parse_preprocess, skipped_text

    if images.data is None:
        raise ColonnadeError(f"{goal}: what layers may lose is measured on images; give --calibrate")
    check_positive("--samples", images.samples)
    check_positive("--input-size", options.input_size)
    check_outputs(results.model, results.json, plot=results.plot)
    drawn = open_dataset(images.data).sample(images.samples, settings.seed)
    preprocess = None if images.preprocess is None else parse_preprocess(images.preprocess)
    with progress_bar() as tell:
        found = run_allocate(model, drawn, goal, options, settings, preprocess, tell, tiles)
    found.model.save(results.model)
    for table in (report.layer_table(found), report.curve_table(found), report.time_table(found)):
        if table is not None:
            print_table(table)
    typer.echo(f"{results.model}: {report.summary(found)}")
    if found.skipped:
        typer.echo(skipped_text(found.skipped))
    if results.json is not None:
        machine = machine_facts() | {"target": options.target, "runner": options.runner}
        report.write_json(found, machine, results.json)
    if results.plot is not None:
        report.write_plot(found, results.plot)


def _parse_number(text: str | None, option: str, unit: str, example: str) -> float | None:
    if text is None:
        return None
    try:
        return float(text.removesuffix(unit))
    except ValueError:
        raise ColonnadeError(f"{option}: '{text}' is not a number such as {example}") from None
