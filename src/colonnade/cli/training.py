"""The command that trains: finetune."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from colonnade.cli.options import progress_bar
from colonnade.errors import ColonnadeError


def finetune(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="TOML file (docs/training.md).", show_default=False)],
) -> None:
    """Train a PyTorch network with masks by a recipe, and export the best epoch as ONNX.

    With several processes: accelerate launch --num_processes N -m colonnade finetune RECIPE
    """
    try:
        from colonnade.train.finetune import finetune as run
    except ModuleNotFoundError as error:
        raise ColonnadeError(f"finetune needs {error.name}: pip install 'colonnade[train]'") from error
    with progress_bar() as tell:
        outcome = run(recipe, tell)
    if outcome:
        lost = 100 * (outcome.dense_accuracy - outcome.accuracy)
        typer.echo(
            f"{outcome.folder / 'best.onnx'}: top-1 {outcome.accuracy:.2%} after epoch {outcome.epoch}; "
            f"at the start {outcome.dense_accuracy:.2%}, {abs(lost):.2f} points {'lost' if lost > 0 else 'gained'}"
        )
