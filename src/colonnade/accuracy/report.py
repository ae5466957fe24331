"""An evaluation as a table, as sentences and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from colonnade.accuracy.evaluation import Comparison, Evaluation
from colonnade.accuracy.statistics import Estimate
from colonnade.data import skipped_text
from colonnade.files import write_atomic

if TYPE_CHECKING:
    from rich.table import Table

_LEAST_P = 1e-4  # no smaller probability is worth printing


def table(found: Evaluation) -> Table:
    """A row for each model."""
    from rich.table import Table

    text = Table("model", title=f"{found.images} images of {found.data}, 95% intervals", title_justify="left")
    for heading in ("top-1", "interval", "top-5", "interval", "batch", "threads", "ms", "images/s"):
        text.add_column(heading, justify="right")
    for model in found.models:
        text.add_row(
            model.name,
            *_cells(model.top1),
            *_cells(model.top5),
            str(model.batch),
            str(model.threads),
            f"{model.ms:.2f}",
            f"{model.images_per_second:.1f}",
        )
    return text


def summary(found: Evaluation) -> str:
    """What the table does not say: the comparison and the images that were skipped. Empty if there is neither."""
    lines = []
    if found.comparison is not None:
        lines += _sentences(found.comparison, *(model.name for model in found.models))
    if found.skipped:
        lines.append(skipped_text(found.skipped))
    return "\n".join(lines)


def write_json(found: Evaluation, machine: Mapping[str, object], path: Path) -> None:
    """Write `{"machine": {...}, "data": ..., "images": ..., "skipped": [...], "models": [...], "comparison": {...}}`,
    whole or not at all. Shares are between 0 and 1."""
    content = {"machine": dict(machine), **asdict(found)}
    write_atomic(path, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())


def _cells(share: Estimate | None) -> tuple[str, str]:
    if share is None:
        return "-", "-"
    return f"{share.value:.2%}", f"{share.low * 100:.2f} to {share.high * 100:.2f}"


def _sentences(found: Comparison, first: str, second: str) -> list[str]:
    share, interval = _cells(found.agreement)
    lines = [f"{first} chooses the same class as {second} for {share} ({interval}) of the images"]
    if found.difference is not None and found.p_value is not None:
        by = found.difference
        lines.append(
            f"top-1 differs by {by.value * 100:+.2f} points ({by.low * 100:+.2f} to {by.high * 100:+.2f}): "
            f"only {first} is right on {found.only_first} images, only {second} on {found.only_second}; "
            f"McNemar's p {f'= {found.p_value:.2g}' if found.p_value >= _LEAST_P else f'< {_LEAST_P:g}'}"
        )
    return lines
