"""Where the time goes of a model that ONNX Runtime runs a part of: stage by stage."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from colonnade.files import write_atomic
from colonnade.modelfile.staged import MAGIC, is_staged
from colonnade.runtime.session import Session

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class StageProfile:
    """One stage: its operators with counts, who runs it, its median milliseconds, and their share of all."""

    nodes: str
    runs_on: str
    ms: float
    share: float


def is_staged_file(path: Path) -> bool:
    """Whether a file is of this kind; False for one that cannot be read."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return is_staged(stream.read(len(MAGIC)))


def profile_stages(
    model: Path, feeds: Mapping[str, np.ndarray] | None, *, threads: int, repeat: int
) -> tuple[StageProfile, ...]:
    """Time the stages of a model file on inputs by name; None: normal numbers, and ones for other types."""
    session = Session(model, threads=threads)
    rng = np.random.default_rng(0)
    drawn = {
        entry.name: rng.standard_normal(entry.shape).astype(entry.dtype)
        if entry.dtype.kind == "f"
        else np.ones(entry.shape, entry.dtype)
        for entry in session.get_inputs()
    }
    found = session.profile(drawn if feeds is None else feeds, repeat)
    total = sum(ms for _, _, ms in found) or 1.0
    return tuple(StageProfile(nodes, kind, ms, ms / total) for nodes, kind, ms in found)


def table(stages: Sequence[StageProfile]) -> Table:
    """One row for each stage, then the share of the fallback."""
    from rich.table import Table

    text = Table("stage", "runs on", "nodes")
    for heading in ("ms", "share"):
        text.add_column(heading, justify="right")
    for number, row in enumerate(stages, start=1):
        text.add_row(str(number), row.runs_on, row.nodes, f"{row.ms:.3f}", f"{row.share:.1%}")
    text.add_section()
    for name, rows in (
        ("the fallback", [row for row in stages if row.runs_on != "native"]),
        ("whole network", list(stages)),
    ):
        text.add_row(
            "", "", name, f"{sum(row.ms for row in rows):.3f}", f"{sum(row.share for row in rows):.1%}", style="bold"
        )
    return text


def write_json(stages: Sequence[StageProfile], path: Path) -> None:
    """All fields, whole or not at all."""
    write_atomic(path, (json.dumps([asdict(row) for row in stages], indent=2) + "\n").encode())
