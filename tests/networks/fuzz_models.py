"""Random ONNX models against ONNX Runtime: each is imported, compiled and run.

`python tests/networks/fuzz_models.py --count 10000` tries that many, and prints those that fail by their numbers;
`--first 4711 --count 1 --keep FOLDER` writes one, and the smallest part of it that still fails. test_random_models.py
runs a few hundred.
"""

from __future__ import annotations

import argparse
import faulthandler
import random
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import TypeVar

import numpy as np
import onnx
from candidates import Picker, draw_candidate
from layers import RUNNABLE, Compiled
from random_models import RandomModel
from random_nodes import random_model
from shrink_models import shrunk

from colonnade.errors import ColonnadeError
from colonnade.graph.ir import Graph
from colonnade.graph.onnx_import import import_model
from colonnade.graph.passes import optimize
from colonnade.graph.reference import run_reference
from colonnade.modelfile.writer import write
from colonnade.plan.choose.tuner import Choice, NetworkPlan, default_plan
from colonnade.plan.compiler import compile_graph
from colonnade.plan.images import lower_parts, plan_parts
from colonnade.runtime.binding import checksum
from colonnade.runtime.session import Session
from colonnade.target.targets import Target

T = TypeVar("T")

TOLERANCE = 1e-4  # of the largest magnitude of an output
SECONDS = 60  # for one model
NOTHING = 1e-6  # what rounding makes of an output that is all zeros


@dataclass(frozen=True)
class Setting:
    """How a model is compiled and run. own: every convolution gets any candidate instead of the default one."""

    target: Target
    threads: int
    own: bool

    @classmethod
    def drawn(cls, seed: int) -> Setting:
        rng = random.Random(f"setting {seed}")
        target = RUNNABLE[-1] if rng.random() < 0.7 else rng.choice(RUNNABLE)
        return cls(target, rng.choice((1, 1, 2)), rng.random() < 0.25)

    def __str__(self) -> str:
        return f"{self.target.name}, {self.threads} threads, {'random' if self.own else 'default'} plan"


class _Random(Picker):
    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)

    def value(self, options: Sequence[T]) -> T:
        return options[self._rng.randrange(len(options))]


class WrongError(Exception):
    """Outputs are not what ONNX Runtime says."""


class _TooSlowError(BaseException):
    """A model took longer than SECONDS. Not an Exception: nothing in the library catches it."""


def check(model: RandomModel) -> str | None:
    """Compile and run a model, and compare. The reason if it is refused; any other exception is a fault."""
    setting = Setting.drawn(model.seed)
    try:
        graph = import_model(model.proto, shapes={name: array.shape for name, array in model.feeds.items()})
        session = Session(_compiled(optimize(graph, merge=True), setting, model.seed), threads=setting.threads)
    except ColonnadeError as error:
        return str(error)
    first, second = (session.run(None, model.feeds) for _ in range(2))
    names = [arg.name for arg in session.get_outputs()]
    if names != list(model.expected):
        raise WrongError(f"outputs {names}, expected {list(model.expected)}")
    for name, one, two in zip(names, first, second, strict=True):
        if not np.array_equal(one, two):
            raise WrongError(f"output {name} of a second run differs from that of the first")
        if not close(one, model.expected[name]):
            raise WrongError(_difference(name, one, model, graph))
    return None


def _compiled(graph: Graph, setting: Setting, seed: int) -> Compiled:
    if not setting.own:
        return Compiled(compile_graph(graph, target=setting.target.name, threads=setting.threads, plan="default").data)
    pick = _Random(seed)

    def plan_of(part: Graph) -> NetworkPlan:
        plan = default_plan(part, setting.target)
        chosen = {n: Choice(draw_candidate(pick, problem, setting.target)) for n, problem in plan.problems.items()}
        return replace(plan, choices=chosen)

    return Compiled(write(lower_parts(plan_parts(graph, plan_of), setting.target), checksum))


def close(y: np.ndarray, expected: np.ndarray) -> bool:
    if y.shape != expected.shape:
        return False
    return bool(np.abs(y - expected).max() <= TOLERANCE * np.abs(expected).max() + NOTHING)


def _difference(name: str, y: np.ndarray, model: RandomModel, graph: Graph) -> str:
    """What is wrong, and whether the importer or what comes behind it is."""
    expected = model.expected[name]
    if y.shape != expected.shape:
        return f"output {name} has shape {y.shape}, expected {expected.shape}"
    oracle = run_reference(graph, model.feeds)[name]
    where = "behind the importer" if close(oracle, expected) else "in the importer, or of ONNX Runtime"
    share = float(np.abs(y - expected).max() / max(float(np.abs(expected).max()), 1e-30))
    return f"output {name} {y.shape} differs by {share:.2g} of the largest magnitude; {where}"


@dataclass
class Tally:
    """What became of the models; operators: of those that are right."""

    right: int = 0
    operators: Counter[str] = field(default_factory=Counter)
    refusals: dict[str, list[int]] = field(default_factory=dict)
    faults: dict[int, str] = field(default_factory=dict)
    slowest: float = 0.0


def run(seeds: Sequence[int]) -> Iterator[Tally]:
    """Try the models of these numbers; what became of those so far, after each."""
    tally = Tally()
    signal.signal(signal.SIGALRM, _too_slow)
    for seed in seeds:
        start = time.monotonic()
        signal.alarm(SECONDS)
        try:
            model = random_model(seed)
            reason = check(model)
            if reason is None:
                tally.right += 1
                tally.operators.update(model.operators)
            else:
                tally.refusals.setdefault(reason.split(": ", 1)[-1], []).append(seed)
        except (Exception, _TooSlowError) as error:
            text = str(error) if isinstance(error, WrongError) else traceback.format_exc()
            tally.faults[seed] = f"{Setting.drawn(seed)}: {text}"
        finally:
            signal.alarm(0)
        tally.slowest = max(tally.slowest, time.monotonic() - start)
        yield tally


def _too_slow(signal_number: int, frame: FrameType | None) -> None:
    raise _TooSlowError


def _fails(model: RandomModel) -> bool:
    try:
        return check(model) is not None
    except Exception:
        return True


def _keep(seed: int, folder: Path) -> None:
    """Write a model that fails, and the smallest part of it that does."""
    folder.mkdir(parents=True, exist_ok=True)
    model = random_model(seed)
    small = shrunk(model, _fails)
    for name, part in {"whole": model, "small": small}.items():
        onnx.save(part.proto, folder / f"{seed}-{name}.onnx")
        np.savez(folder / f"{seed}-{name}.npz", **part.feeds)
    print(onnx.printer.to_text(small.proto.graph)[:6000])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="number of the first model")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--keep", type=Path, help="folder for models that fail")
    options = parser.parse_args()
    faulthandler.enable()
    seeds, told = range(options.first, options.first + options.count), set()
    tally = Tally()
    for number, tally in enumerate(run(seeds), 1):
        for seed in tally.faults.keys() - told:
            print(f"model {seed}: {tally.faults[seed]}", flush=True)
            told.add(seed)
        if number % 500 == 0:
            print(f"{number} models: {tally.right} right, {len(tally.faults)} faults", flush=True)
    refused = sum(map(len, tally.refusals.values()))
    print(f"{tally.right} models are right, {refused} refused, {len(tally.faults)} fail; slowest {tally.slowest:.1f} s")
    print(", ".join(f"{op} {count}" for op, count in sorted(tally.operators.items())))
    for reason, numbers in tally.refusals.items():
        print(f"refused {len(numbers)} times, as model {numbers[0]}: {reason}")
    if options.keep:
        for seed in [*tally.faults, *(numbers[0] for numbers in tally.refusals.values())]:
            _keep(seed, options.keep)
    return 1 if tally.faults or tally.refusals else 0


if __name__ == "__main__":
    sys.exit(main())
