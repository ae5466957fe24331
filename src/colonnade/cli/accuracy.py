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
        Path,
        typer.Option(help="Images: a folder of images or of class folders, .npz (x, y) or .npy.", show_default=False),
    ],
    against: Annotated[
        Path | None, typer.Option(help="A second model, ONNX or compiled, to run on the same images.")
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="File of labels for images that have none: text or .npy.")] = None,
    preprocess: PreprocessOption = None,
    samples: Annotated[
        int | None, typer.Option(help="Number of images to draw, each class in proportion. [default: all]")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed for drawing images.")] = 0,
    batch: BatchOption = None,
    threads: ThreadsOption = 1,
    input_size: SizeOption = None,
    json: JsonOption = None,
) -> None:
    """Count how often a model is right on labelled images, and time it, alone or against a second model."""
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
