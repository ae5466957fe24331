"""Options that several commands share, and reading the values typer leaves as text."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import typer

from colonnade.errors import ColonnadeError, one_line

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from colonnade.api import Progress
    from colonnade.plan.compiler import Plan
    from colonnade.sparse.prune import TileWish

Item = TypeVar("Item")
EXIT_FAULT = 1  # Colonnade itself failed or was wrong: the report says how
_PIPE_WIDTH = 200

ModelArgument = Annotated[Path, typer.Argument(metavar="MODEL", help="ONNX file.", show_default=False)]
SubjectArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="Name of a zoo network, or ONNX file.", show_default=False)
]
SubjectsArgument = Annotated[
    list[str],
    typer.Argument(metavar="MODEL...", help="Names of zoo networks, or ONNX files; several only with --runner spike."),
]
ThreadsOption = Annotated[int, typer.Option(help="Number of threads.")]
BatchOption = Annotated[int | None, typer.Option(help="Images per run. [default: as in the file, else 1]")]
SizeOption = Annotated[
    int | None, typer.Option(help="Height and width of the input. [default: as in the file, else 224]")
]
BatchesOption = Annotated[
    str | None,
    typer.Option(
        "--batch",
        help="Images per run, or several with commas between, for one file. [default: as in the file, else 1]",
    ),
]
SizesOption = Annotated[
    str | None,
    typer.Option(
        "--input-size",
        metavar="HxW,...",
        help="Height and width of the input, or one number for both; several with commas between, for one file. "
        "[default: as in the file, else 224]",
    ),
]
ShapeOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=N,N,...", help="Whole shape of an input, as in x=1,3,48,320. May be repeated."),
]
SparsitiesOption = Annotated[
    str,
    typer.Option(
        "--sparsity", help="Shares of weights that become zero: numbers from 0 to below 1, with commas between."
    ),
]
_TILE = "Output channels per tile: a number, or fastest or auto, which choose it for each layer by estimated time"
TileOption = Annotated[str, typer.Option(help=f"{_TILE}.")]
TilesOption = Annotated[
    str, typer.Option("--tile", help=f"{_TILE}; for a goal about time, numbers with commas between to choose from.")
]
GroupOption = Annotated[
    str, typer.Option(help="Consecutive columns of which a fixed number is kept: a number, or all for one group.")
]
SkipOption = Annotated[
    list[str] | None,
    typer.Option(help="Name of a layer to leave dense, or a pattern such as layer4.*. May be repeated."),
]
SamplesOption = Annotated[int, typer.Option(help="Number of images to draw from those given.")]
MethodOption = Annotated[str, typer.Option(help="Score by which columns are chosen: magnitude, activation or obs.")]
SeedOption = Annotated[int, typer.Option(help="Seed for drawing images and positions.")]
LatencyOption = Annotated[str | None, typer.Option(help="Goal: the longest time of a run, such as 20ms.")]
SpeedupOption = Annotated[
    str | None, typer.Option(help="Goal: how many times as fast as the dense network, such as 1.5x.")
]
LevelsOption = Annotated[
    str, typer.Option(help="For a goal: the sparsities that a layer may have, with commas between.")
]
PreprocessOption = Annotated[
    str | None,
    typer.Option(
        help="Preprocessing of images: imagenet, or settings: size=N,resize=N,mean=R/G/B,std=R/G/B,filter=bilinear."
    ),
]
TargetOption = Annotated[
    str, typer.Option(help="Core to plan for: native (this CPU), or a name that `colonnade targets` lists.")
]
PlanOption = Annotated[
    str,
    typer.Option(help="How kernels are chosen: tuned times candidates of each layer; default estimates their times."),
]
_RUNNERS = "local, spike (a simulated core, modelled times), or ssh://USER@HOST[:PORT]"
RunnerOption = Annotated[str, typer.Option(help=f"Where models run and are timed: {_RUNNERS}.")]
GoalRunnerOption = Annotated[
    str, typer.Option("--runner", help=f"For a goal about time: where models run and are timed: {_RUNNERS}.")
]
JsonOption = Annotated[Path | None, typer.Option(help="Write the results to this file.")]
PlotOption = Annotated[Path | None, typer.Option(help="Draw the results to this .png or .svg file.")]
RepeatOption = Annotated[int, typer.Option(help="Number of timed rounds.")]


def parse_list(text: str, option: str, convert: Callable[[str], Item]) -> tuple[Item, ...]:
    """Comma-separated values; ColonnadeError naming the option for one that does not convert."""
    items = []
    for word in filter(None, (part.strip() for part in text.split(","))):
        try:
            items.append(convert(word))
        except ValueError:
            raise ColonnadeError(f"{option}: '{word}' is not a {convert.__name__}") from None
    return tuple(items)


def parse_sparsities(text: str, option: str = "--sparsity") -> tuple[float, ...]:
    """`0,0.5,0.75`: fractions of zeros, each at least 0 and below 1."""
    sparsities = parse_list(text, option, float)
    if not sparsities:
        raise ColonnadeError(f"{option}: give at least one number, such as 0.5 or 0,0.5,0.75")
    for sparsity in sparsities:
        if not 0 <= sparsity < 1:
            raise ColonnadeError(f"{option}: {sparsity:g} is out of range; it must be at least 0 and below 1")
    return sparsities


def parse_tile(text: str) -> int | TileWish:
    """A number from 1, auto, or fastest."""
    if text in ("auto", "fastest"):
        return cast("TileWish", text)
    return _parse_count(text, "--tile", "auto, or fastest")


def parse_tiles(text: str) -> tuple[int | TileWish, tuple[int, ...]]:
    """A tile as `parse_tile` reads it, and none to choose from; or the first of several to choose from, and all."""
    if "," not in text:
        return parse_tile(text), ()
    several = tuple(_parse_count(word.strip(), "--tile") for word in text.split(","))
    return several[0], several


def parse_group(text: str) -> int | None:
    """A number from 1, or all (None)."""
    return None if text == "all" else _parse_count(text, "--group", "all")


def parse_plan(text: str) -> Plan:
    """tuned or default."""
    if text not in ("tuned", "default"):
        raise ColonnadeError(f"--plan: '{text}' is neither tuned nor default")
    return cast("Plan", text)


def check_positive(option: str, value: int | None) -> None:
    """ColonnadeError unless the value is at least 1 (or not given)."""
    if value is not None and value < 1:
        raise ColonnadeError(f"{option}: {value} is out of range; it must be at least 1")


def parse_batches(text: str | None) -> list[int] | None:
    """`1,2,4`: numbers of images."""
    return None if text is None else [_parse_count(word.strip(), "--batch") for word in text.split(",")]


def parse_sizes(text: str | None) -> list[tuple[int, int] | int] | None:
    """`320x480,640`: heights and widths, or single numbers for both."""
    return None if text is None else [_parse_size(word.strip()) for word in text.split(",")]


def _parse_size(text: str) -> tuple[int, int] | int:
    sides = [_parse_count(side, "--input-size", "HxW, as in 320x480") for side in text.split("x")]
    if len(sides) > 2:
        raise ColonnadeError(f"--input-size: '{text}' is neither a number nor HxW, as in 320x480")
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])


def parse_shapes(texts: Sequence[str] | None) -> dict[str, tuple[int, ...]]:
    """Shapes of inputs by name. ColonnadeError for a text that is not NAME=N,N,..."""
    found: dict[str, tuple[int, ...]] = {}
    for text in texts or ():
        name, equals, sizes = text.rpartition("=")
        if not equals or not name:
            raise ColonnadeError(f"--shape: '{text}' is not NAME=N,N,...")
        found[name] = tuple(_parse_count(size.strip(), "--shape") for size in sizes.split(","))
    return found


def check_outputs(*paths: Path | None, plot: Path | None = None) -> None:
    """ColonnadeError, before any long work, for a file that cannot be written or a plot that cannot be drawn."""
    from colonnade.files import check_writable

    for path in (*paths, plot):
        if path is not None:
            check_writable(path)
    if plot is not None:
        from colonnade.bench.plot import check_plot_path

        check_plot_path(plot)


def _parse_count(text: str, option: str, other: str | None = None) -> int:
    if not text.isascii() or not text.lstrip("-").isdigit():
        known = (
            "not a number, which every value in a list must be" if other is None else f"neither a number nor {other}"
        )
        raise ColonnadeError(f"{option}: '{text}' is {known}")
    check_positive(option, int(text))
    return int(text)


def print_table(table: Table) -> None:
    """Print a table on stdout; into a file or pipe at a width that fits all columns.

    Names from models stand in its cells. Characters that are not printable become spaces, and brackets are text, not
    rich's markup.
    """
    from rich.console import Console

    class PlainConsole(Console):
        def render_str(self, text: str, **options: Any) -> Text:
            return super().render_str("\n".join(map(one_line, text.split("\n"))), **options)

    PlainConsole(width=None if sys.stdout.isatty() else _PIPE_WIDTH, markup=False, emoji=False).print(table)


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar on stderr that follows a progress function's calls; nothing is shown where stderr is not a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def tell(what: str, done: int, total: int) -> None:
            bar.tasks[0].finished_time = None  # one of several parts is finished; the clock shows the time of all
            bar.update(task, description=one_line(what), completed=done, total=total)

        yield tell
