"""Commands on data sets: evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from colonnade.cli.options import (
    BatchOption,
    JsonOption,
    PreprocessOption,
    SizeOption,
    ThreadsOption,
    check_outputs,
    check_positive,
    print_table,
    progress_bar,
)


def evaluate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="ONNX file or compiled model.", show_default=False)],
    data: Annotated[
        Path, typer.Option(help="Folder of images or class folders, .npz (x, y) or .npy.", show_default=False)
    ],
    against: Annotated[Path | None, typer.Option(help="Second model, ONNX or compiled, on the same images.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Labels of images that have none: text or .npy.")] = None,
    preprocess: PreprocessOption = None,
    samples: Annotated[int | None, typer.Option(help="Images to draw, classes in proportion. [default: all]")] = None,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
    batch: BatchOption = None,
    threads: ThreadsOption = 1,
    input_size: SizeOption = None,
    json: JsonOption = None,
) -> None:
    """Count how often a model is right, beside another model if one is given, and time it."""
    from colonnade import api
    from colonnade.accuracy import report
    from colonnade.bench.machine import machine_facts

    for option, value in (
        ("--samples", samples),
        ("--batch", batch),
        ("--threads", threads),
        ("--input-size", input_size),
    ):
        check_positive(option, value)
    check_outputs(json)
    with progress_bar() as tell:
        found = api.evaluate(
            model,
            data,
            against=against,
            labels=labels,
            preprocess=preprocess,
            samples=samples,
            seed=seed,
            batch=batch,
            threads=threads,
            input_size=input_size,
            progress=tell,
        )
    print_table(report.table(found))
    if said := report.summary(found):
        typer.echo(said)
    if json is not None:
        report.write_json(found, machine_facts(), json)
