"""Commands on ONNX files: zoo, inspect, prune."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from colonnade.cli.budget import LEVELS, Images, Results, parse_goal, prune_to_goal
from colonnade.cli.options import (
    BatchOption,
    GoalRunnerOption,
    GroupOption,
    JsonOption,
    LatencyOption,
    LevelsOption,
    MethodOption,
    ModelArgument,
    PlotOption,
    PreprocessOption,
    SamplesOption,
    SeedOption,
    ShapeOption,
    SizeOption,
    SkipOption,
    SpeedupOption,
    TargetOption,
    TilesOption,
    check_outputs,
    check_positive,
    parse_group,
    parse_plan,
    parse_shapes,
    parse_sparsities,
    parse_tiles,
    print_table,
    progress_bar,
)
from colonnade.errors import ColonnadeError

if TYPE_CHECKING:
    from rich.table import Table

    from colonnade.bench.run import Options
    from colonnade.calibrate.settings import Calibration, Method
    from colonnade.graph.ir import Graph


def zoo(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of a network, such as resnet50; a wrong name lists them all.")
    ],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="[default: NAME.onnx]")] = None,
    input_size: Annotated[
        int | None, typer.Option(help="Height and width of the input. [default: 224, of detectors 320]")
    ] = None,
    classes: Annotated[int | None, typer.Option(help="Number of classes. [default: 1000, of others less]")] = None,
    batch: Annotated[int | None, typer.Option(help="Images per run. [default: left open]")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random weights.")] = 0,
) -> None:
    """Write a well-known network with random weights, or a small trained one (fashion_resnet ...), as an ONNX file."""
    from colonnade.api import Model
    from colonnade.files import check_writable
    from colonnade.zoo import TRAINED, build, trained

    path = output or Path(f"{name}.onnx")
    check_writable(path)
    if name not in TRAINED:
        network = build(name, input_size=input_size, classes=classes, batch=batch, seed=seed)
    elif (input_size, classes, batch, seed) == (None, None, None, 0):
        network = trained(name)
    else:
        raise ColonnadeError(f"{name}: is trained; leave out --input-size, --classes, --batch and --seed")
    Model(network, name).save(path)
    typer.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


def inspect(
    model: ModelArgument, batch: BatchOption = None, input_size: SizeOption = None, shape: ShapeOption = None
) -> None:
    """List a model's convolutions: shape, work, zeros, and tiles found in them. Or the programs of a compiled one."""
    from colonnade.graph.onnx_import import import_model

    if model.suffix == ".colonnade":
        if (batch, input_size, shape) != (None, None, None):
            raise ColonnadeError(f"{model}: is compiled; its shapes are fixed")
        print_table(_programs(model))
        return
    for option, value in (("--batch", batch), ("--input-size", input_size)):
        check_positive(option, value)
    print_table(_layers(import_model(model, batch=batch, input_size=input_size, shapes=parse_shapes(shape))))


def prune(
    model: ModelArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="ONNX file to write.", show_default=False)],
    sparsity: Annotated[str | None, typer.Option(help="Share of weights that become zero, from 0 to below 1.")] = None,
    allocate: Annotated[
        bool, typer.Option("--allocate", help="With --sparsity: choose a sparsity for each layer.")
    ] = False,
    latency: LatencyOption = None,
    speedup: SpeedupOption = None,
    levels: LevelsOption = LEVELS,
    tile: TilesOption = "8",
    group: GroupOption = "all",
    skip: SkipOption = None,
    calibrate: Annotated[
        Path | None,
        typer.Option(help="Images to prune by: a folder, .npy or .npz. [default: none, prune by magnitude]"),
    ] = None,
    samples: SamplesOption = 512,
    method: MethodOption = "obs",
    preprocess: PreprocessOption = None,
    input_size: SizeOption = None,
    seed: SeedOption = 0,
    threads: Annotated[int, typer.Option(help="For a goal: number of threads.")] = 1,
    repeat: Annotated[int, typer.Option(help="For a goal about time: number of timed rounds.")] = 20,
    plan: Annotated[
        str, typer.Option(help="For a goal about time: the plan that is timed, tuned or default.")
    ] = "tuned",
    target: TargetOption = "native",
    runner: GoalRunnerOption = "local",
    json: JsonOption = None,
    plot: PlotOption = None,
) -> None:
    """Zero whole columns of weights within each tile of output channels; the result is ordinary ONNX.

    With --latency, --speedup, or --sparsity and --allocate, each layer is pruned as far as that goal asks.
    """
    from colonnade.bench.run import Options
    from colonnade.calibrate.settings import Calibration

    if calibrate is None and (method, preprocess, input_size) != ("obs", None, None):
        raise ColonnadeError("--method, --preprocess and --input-size say how to use images; give --calibrate as well")
    settings = Calibration(method=cast("Method", method), seed=seed)
    images = Images(calibrate, samples, preprocess)
    one, several = parse_tiles(tile)
    plain = Options(
        sparsities=parse_sparsities(LEVELS),
        input_size=input_size,
        tile=one,
        group=parse_group(group),
        skip=tuple(skip or ()),
        target=target,
    )
    chosen = replace(
        plain,
        sparsities=parse_sparsities(levels, "--levels"),
        threads=threads,
        repeat=repeat,
        plan=parse_plan(plan),
        runner=runner,
    )
    if allocate or latency is not None or speedup is not None:
        goal = parse_goal(latency, speedup, sparsity)
        prune_to_goal(str(model), images, goal, chosen, settings, Results(output, json, plot), several)
    elif (chosen, json, plot) != (plain, None, None):
        raise ColonnadeError(
            "--levels, --threads, --repeat, --plan, --runner, --json and --plot are for goals: "
            "--latency, --speedup or --allocate"
        )
    elif several:
        raise ColonnadeError("--tile: several tiles to choose from are for a goal about time: --latency or --speedup")
    elif sparsity is None:
        raise ColonnadeError("give one of --sparsity, --latency and --speedup")
    else:
        _prune_evenly(model, sparsity, images, chosen, settings, output)


def _prune_evenly(
    path: Path, sparsity: str, images: Images, options: Options, settings: Calibration, output: Path
) -> None:
    """Prune every layer to one sparsity."""
    from colonnade import api
    from colonnade.data import skipped_text

    sparsities = parse_sparsities(sparsity)
    if len(sparsities) != 1:
        raise ColonnadeError(f"--sparsity: {sparsity} is a list; give one number")
    check_positive("--samples", images.samples)
    check_positive("--input-size", options.input_size)
    check_outputs(output)
    with progress_bar() as tell:
        pruned = api.prune(
            api.load(path),
            sparsities[0],
            tile=options.tile,
            group=options.group,
            skip=options.skip,
            target=options.target,
            calibrate=images.data,
            samples=images.samples,
            preprocess=images.preprocess,
            input_size=options.input_size,
            settings=settings,
            work_folder=output.with_name(f"{output.name}.partial"),
            progress=tell,
        )
    report = pruned.report
    assert report is not None
    pruned.save(output)
    typer.echo(
        f"{output}: {len(report.pruned)} of {len(report.layers)} convolutions pruned, "
        f"{report.sparsity:.1%} of all their weights are zeros"
    )
    if pruned.skipped:
        typer.echo(skipped_text(pruned.skipped))


def _layers(graph: Graph) -> Table:
    from rich.table import Table

    from colonnade.graph.ir import Conv
    from colonnade.runtime.binding import printable
    from colonnade.sparse import describe

    table = Table("layer", "weights", "stride", "groups", "output")
    for heading in ("MMAC", "sparsity", "structure", "stored"):
        table.add_column(heading, justify="right" if heading != "structure" else "left")
    total = zeros = 0.0
    for node in graph.nodes:
        if not isinstance(node.op, Conv):
            continue
        weights, out = graph.constants[node.inputs[1]], graph.shape(node.output)
        found = describe(weights)
        macs = weights.size * out[0] * out[2] * out[3] / 1e6
        total, zeros = total + macs, zeros + macs * found.sparsity
        table.add_row(
            printable(node.name),
            _by(weights.shape),
            _by(node.op.strides),
            str(node.op.groups),
            _by(out),
            f"{macs:.1f}",
            f"{found.sparsity:.1%}",
            found.pattern_name,
            f"{found.kept_fraction:.1%}",
        )
    if not table.row_count:
        raise ColonnadeError(f"{graph.name}: has no convolutions")
    table.add_section()
    table.add_row("all", "", "", "", "", f"{total:.1f}", f"{zeros / total:.1%}", "", "")
    return table


def _programs(path: Path) -> Table:
    """The programs of a compiled model."""
    from rich.table import Table

    from colonnade.modelfile.reader import Argument, describe
    from colonnade.runtime.binding import printable

    def named(arguments: tuple[Argument, ...]) -> str:
        return ", ".join(f"{printable(one.name)} {_by(one.shape)}" for one in arguments)

    try:
        found = describe(path.read_bytes(), str(path))
    except OSError as error:
        raise ColonnadeError(f"{path}: {error.strerror}") from error
    table = Table("program", "inputs", "outputs", "other batches")
    for heading in ("steps", "activations, MB"):
        table.add_column(heading, justify="right")
    for number, program in enumerate(found.programs):
        others = "yes" if program.images else "no"
        steps, memory = str(len(program.steps)), f"{program.arena_bytes / 1e6:.1f}"
        table.add_row(str(number), named(program.inputs), named(program.outputs), others, steps, memory)
    table.caption = f"for {found.target}; all share {found.constant_bytes / 1e6:.1f} MB of weights and tables"
    return table


def _by(sizes: tuple[int, ...]) -> str:
    return "x".join(str(size) for size in sizes)
