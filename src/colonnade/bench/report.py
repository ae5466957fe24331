"""What a benchmark found: rows, ratios, a terminal table, JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from colonnade.bench.worker import OWN, Status
from colonnade.files import write_atomic

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class Result:
    """One runtime's time on one model. Peers run the dense model, sparsity 0."""

    model: str
    runtime: str
    sparsity: float
    threads: int
    batch: int
    median_ms: float
    min_ms: float
    max_abs_err: float  # against ONNX Runtime on the same ONNX file
    max_rel_err: float  # max_abs_err over the largest magnitude of the reference

    @property
    def label(self) -> str:
        """Name of the row: the runtime, and for Colonnade how sparse the model is."""
        return self.runtime if self.runtime != OWN else f"{OWN} {sparsity_text(self.sparsity)}"


@dataclass(frozen=True)
class Absence:
    """A runtime that has no time, and why: not installed, failed, or gave a wrong result."""

    model: str
    runtime: str
    sparsity: float
    threads: int
    batch: int
    status: Status
    reason: str


@dataclass(frozen=True)
class Report:
    """All rows of one benchmark. `reference` names what the outputs were checked against."""

    machine: Mapping[str, object]
    reference: str
    results: tuple[Result, ...]
    absent: tuple[Absence, ...] = ()

    @property
    def fastest_peer(self) -> Result | None:
        """The peer with the lowest median, if any peer has a time."""
        return min((row for row in self.results if row.runtime != OWN), key=lambda row: row.median_ms, default=None)

    @property
    def own_dense(self) -> Result | None:
        """Colonnade's row at sparsity 0."""
        return next((row for row in self.results if row.runtime == OWN and row.sparsity == 0), None)

    @property
    def own_faults(self) -> tuple[Absence, ...]:
        """Colonnade's own rows without a time: each is a defect, not a property of the machine."""
        return tuple(row for row in self.absent if row.runtime == OWN)


def sparsity_text(sparsity: float) -> str:
    """ "dense", "75% sparse"."""
    return f"{sparsity * 100:.4g}% sparse" if sparsity > 0 else "dense"


def to_json(report: Report) -> str:
    """`{"machine": {...}, "reference": ..., "results": [...], "absent": [...]}`, every result row complete."""
    return json.dumps(asdict(report), indent=2, allow_nan=False) + "\n"


def write_json(report: Report, path: Path) -> None:
    """Write `to_json(report)` to `path`, whole or not at all."""
    write_atomic(path, to_json(report).encode())


def ratio_text(baseline: Result | None, row: Result) -> str:
    """How many times as fast as `baseline` a row is; "-" without a baseline."""
    return f"{baseline.median_ms / row.median_ms:.2f}x" if baseline is not None else "-"


def table(report: Report) -> Table:
    """The rows as a rich table: peers first, then Colonnade by sparsity, then what has no time."""
    from rich.table import Table

    peer, dense = report.fastest_peer, report.own_dense
    text = Table(caption=caption(report), caption_justify="left")
    for heading in ("model", "runtime"):
        text.add_column(heading)
    baseline = f"vs {peer.runtime}" if peer is not None else "vs peer"
    numbers = ("sparsity", "threads", "batch", "median ms", "min ms", baseline, "vs own dense", "max abs err")
    for heading in numbers:
        text.add_column(heading, justify="right")
    for row in report.results:
        text.add_row(
            row.model,
            row.runtime,
            f"{row.sparsity * 100:.4g}%",
            str(row.threads),
            str(row.batch),
            f"{row.median_ms:.2f}",
            f"{row.min_ms:.2f}",
            ratio_text(peer, row),
            ratio_text(dense, row),
            f"{row.max_abs_err:.1e}",
            style="bold" if row.runtime == OWN else "",
        )
    for gone in report.absent:
        common = (gone.model, gone.runtime, f"{gone.sparsity * 100:.4g}%", str(gone.threads), str(gone.batch))
        text.add_row(*common, gone.status, style="red" if gone in report.own_faults else "dim")
    return text


def caption(report: Report) -> str:
    """The machine, and what has no time and why, a line for each."""
    machine = report.machine
    cpus = f" ({machine['cpus']} CPUs)" if "cpus" in machine else ""
    lines = [f"{machine.get('cpu')}{cpus}; outputs checked against {report.reference}."]
    lines += [f"{row.runtime}, {row.status}: {row.reason}" for row in report.absent]
    return "\n".join(lines)
