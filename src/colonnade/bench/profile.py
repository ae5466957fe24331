"""Where a compiled model's time goes, layer by layer, and what keeps each layer from being faster.

A layer cannot take less time than its multiply-adds at the machine's peak, its weights at the speed at which memory
gives them, and its inputs and outputs at the speed of the second-level cache, or of memory where they do not fit. The
longest of the three is its bound. A layer that takes more than twice as long is bound by overhead: by what the kernels
do besides, or do not do well.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import geometric_mean
from typing import Literal

import numpy as np

from colonnade.bench.machine import machine_facts
from colonnade.bench.roofs import Prober, Roofs
from colonnade.errors import ColonnadeError
from colonnade.files import write_atomic
from colonnade.plan.ways import WAY_OF_STEP
from colonnade.plan.work import Layer, layers
from colonnade.runtime.session import Session

OVERHEAD = 0.5  # of the time: a bound that explains less is none

Bound = Literal["compute", "L2", "memory", "overhead"]


@dataclass(frozen=True)
class LayerProfile:
    """One step. ms: the fastest of all rounds; share: of the network's; gflops: two for each multiply-add
    that it does; peak_share: of the FMA peak; memory_share: of ms, what its bytes alone would take. gflops and
    peak_share are None where nothing is multiplied and added."""

    name: str
    op: str
    algorithm: str
    sparse: bool
    ms: float
    share: float
    macs: int
    weight_bytes: int
    data_bytes: int
    gflops: float | None
    peak_share: float | None
    memory_share: float
    bound: Bound


@dataclass(frozen=True)
class Profile:
    """A compiled model on this machine. ms: sum of the layers' fastest; sparse_peak_share: geometric mean over the
    pruned convolutions, None without any."""

    model: str
    target: str
    threads: int
    repeat: int
    machine: dict[str, object]
    roofs: Roofs
    ms: float
    sparse_peak_share: float | None
    layers: tuple[LayerProfile, ...]


def profile(
    model: Path,
    inputs: Mapping[str, np.ndarray] | None = None,
    *,
    threads: int = 1,
    repeat: int = 20,
    tell: Callable[[str, int, int], None] = lambda *_: None,
) -> Profile:
    """Profile the model file `model` on f32 `inputs` by name (None: normal numbers) in `repeat` rounds. Each measures
    the machine and then the network, so that both see the same clock and the same neighbours.

    ColonnadeError if the file is no model, this CPU cannot run it, or the inputs do not fit it."""
    for name, value in (("threads", threads), ("repeat", repeat)):
        if value < 1:
            raise ColonnadeError(f"{name} must be at least 1, not {value}")
    session = Session(model, threads=threads)
    data = model.read_bytes()
    found = layers(data, str(model))
    feeds = _random_inputs(session) if inputs is None else inputs
    prober = Prober(session, threads, len(data))
    times = session.profile_once(feeds)
    roofs = prober.measure()
    for turn in range(repeat):
        tell(model.name, turn, repeat)
        roofs = roofs.best(prober.measure())
        session.run(None, feeds)  # the probes have emptied the caches
        times = np.minimum(times, session.profile_once(feeds))
    rows = layer_profiles(found, times / 1e6, roofs, threads * prober.l2_bytes)
    return Profile(
        model=str(model),
        target=session.target,
        threads=threads,
        repeat=repeat,
        machine=machine_facts(),
        roofs=roofs,
        ms=sum(row.ms for row in rows),
        sparse_peak_share=_mean_share(rows),
        layers=rows,
    )


def layer_profiles(found: Sequence[Layer], ms: np.ndarray, roofs: Roofs, l2_bytes: int) -> tuple[LayerProfile, ...]:
    """What follows from the layers' work, their milliseconds and the roofs."""
    total = float(ms.sum())
    return tuple(_layer_profile(layer, float(t), total, roofs, l2_bytes) for layer, t in zip(found, ms, strict=True))


def _layer_profile(layer: Layer, ms: float, total: float, roofs: Roofs, l2_bytes: int) -> LayerProfile:
    least = _least_ms(layer, roofs, l2_bytes)
    bound = max(least, key=lambda kind: least[kind])
    spent = max(ms, 1e-6)  # a clock may stand still
    return LayerProfile(
        name=layer.name,
        op=layer.op,
        algorithm=algorithm(layer),
        sparse=layer.sparse,
        ms=ms,
        share=ms / total if total else 0.0,
        macs=layer.macs,
        weight_bytes=layer.weight_bytes,
        data_bytes=layer.data_bytes,
        gflops=2 * layer.macs / spent / 1e6 if layer.macs else None,
        peak_share=least["compute"] / spent if layer.macs else None,
        memory_share=(least["L2"] + least["memory"]) / spent,
        bound=bound if least[bound] >= OVERHEAD * ms else "overhead",
    )


def _least_ms(layer: Layer, roofs: Roofs, l2_bytes: int) -> dict[Bound, float]:
    """Milliseconds that the layer needs at least for each reason."""
    fits = layer.data_bytes <= l2_bytes
    far = layer.weight_bytes / roofs.weights_gbs + (0 if fits else layer.data_bytes / roofs.memory_gbs)
    return {
        "compute": 2 * layer.macs / roofs.gflops / 1e6,
        "L2": layer.data_bytes / roofs.l2_gbs / 1e6 if fits else 0.0,
        "memory": far / 1e6,
    }


def algorithm(layer: Layer) -> str:
    """The kernel and the loops that the planner chose; empty for steps that leave no choice."""
    f = layer.fields
    if layer.op == "dense":
        return f"{f['chunk']}x{f['vectors']}v"
    if layer.op not in WAY_OF_STEP:
        return ""
    chained = ", chained" * bool(f.get("chained"))
    return f"{WAY_OF_STEP[layer.op].of_step(f, layer.sparse)}{chained}"


def _mean_share(rows: Sequence[LayerProfile]) -> float | None:
    shares = [row.peak_share for row in rows if row.sparse and row.peak_share]
    return geometric_mean(shares) if shares else None


def _random_inputs(session: Session) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {entry.name: rng.standard_normal(entry.shape, dtype=np.float32) for entry in session.get_inputs()}


def write_json(found: Profile, path: Path) -> None:
    """All fields of the profile, whole or not at all."""
    write_atomic(path, (json.dumps(asdict(found), indent=2, allow_nan=False) + "\n").encode())
