"""Runs a network of which ONNX Runtime runs a part (modelfile/staged.py), with the calls of `Session`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from colonnade.elements import DEFAULT
from colonnade.errors import ColonnadeError
from colonnade.modelfile.staged import Stage, Value, read_staged
from colonnade.runtime.binding import checksum, printable
from colonnade.runtime.onnx_piece import TYPES, OnnxPiece
from colonnade.runtime.session import NodeArg, Session, Source, checked_threads, label_of, model_bytes

_NAMES = {dtype: name for name, dtype in TYPES.items()}


class StagedSession(Session):
    """`Session` of such a file makes one of these. Values between stages are kept by their names for one run."""

    def __init__(self, model: Source, *, threads: int = 1) -> None:
        self._label = label_of(model)
        self._threads = checked_threads(threads, self._label)
        network = read_staged(model_bytes(model, self._label), self._label, checksum)
        self._inputs = [_argument(value, self._label) for value in network.inputs]
        self._outputs = [_argument(value, self._label) for value in network.outputs]
        self.stages = network.stages
        self._pieces = [self._open(stage) for stage in network.stages]

    @property
    def target(self) -> str:
        """The instruction set that the native stages were compiled for; "onnxruntime" if there are none."""
        found = [piece.target for piece in self._pieces if isinstance(piece, Session)]
        return found[0] if found else "onnxruntime"

    @property
    def input_shapes(self) -> tuple[dict[str, tuple[int, ...]], ...]:
        """Shapes of the inputs by name: there is one of each."""
        return ({entry.name: entry.shape for entry in self._inputs},)

    @property
    def arena_bytes(self) -> int:
        """Memory for activations of one run of the native stages."""
        return sum(piece.arena_bytes for piece in self._pieces if isinstance(piece, Session))

    def run(self, output_names: Sequence[str] | None, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """As `Session.run`; outputs of the fallback may have any type and shape."""
        return self._run(output_names, feeds)[0]

    def profile(self, feeds: Mapping[str, np.ndarray], repeat: int = 10) -> list[tuple[str, str, float]]:
        """Per stage: its nodes, who runs it, median milliseconds."""
        self._run(None, feeds)
        times = np.median([self._run(None, feeds)[1] for _ in range(repeat)], axis=0) / 1e6
        return [(nodes_text(s), s.kind, float(ms)) for s, ms in zip(self.stages, times, strict=True)]

    def profile_once(self, feeds: Mapping[str, np.ndarray]) -> np.ndarray:
        """Nanoseconds of each stage in one run."""
        return np.array(self._run(None, feeds)[1], dtype=np.float64)

    def _run(
        self, output_names: Sequence[str] | None, feeds: Mapping[str, np.ndarray]
    ) -> tuple[list[np.ndarray], list[int]]:
        wanted = self._wanted(output_names)
        arrays = self._bind(feeds)
        for entry, array in zip(self._inputs, arrays, strict=True):
            if array.shape != entry.shape:
                label = f"{self._label}: input '{printable(entry.name)}'"
                raise ColonnadeError(f"{label} must have shape {entry.shape}, not {array.shape}")
        values = {entry.name: array for entry, array in zip(self._inputs, arrays, strict=True)}
        times = []
        for stage, piece in zip(self.stages, self._pieces, strict=True):
            begin = time.perf_counter_ns()
            given = {own: values[name] for own, name in stage.inputs}
            if isinstance(piece, Session):
                given = {own: array.astype(DEFAULT.dtype, copy=False) for own, array in given.items()}
            made = piece.run([own for own, _ in stage.outputs], given)
            values.update(zip((name for _, name in stage.outputs), made, strict=True))
            times.append(time.perf_counter_ns() - begin)
        outputs = [self._outputs[i] for i in wanted]
        with np.errstate(all="ignore"):
            return [values[entry.name].astype(entry.dtype, copy=False) for entry in outputs], times

    def _open(self, stage: Stage) -> Session | OnnxPiece:
        if stage.kind == "native":
            session = Session(stage.piece, threads=self._threads)
            if isinstance(session, StagedSession):
                raise ColonnadeError(f"{self._label}: the file is damaged (stages in a stage); compile it again")
            inputs = {entry.name for entry in session.get_inputs()}
            outputs = {entry.name for entry in session.get_outputs()}
            piece: Session | OnnxPiece = session
        else:
            piece = OnnxPiece(stage.piece, self._label, self._threads)
            inputs, outputs = set(piece.input_names), set(piece.outputs())
        if inputs != {own for own, _ in stage.inputs} or not outputs >= {own for own, _ in stage.outputs}:
            raise ColonnadeError(f"{self._label}: the file is damaged (a piece has other inputs); compile it again")
        return piece


def nodes_text(stage: Stage) -> str:
    """The operators of a stage, the commonest first."""
    counts = sorted(stage.nodes.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{printable(name)} ({count})" for name, count in counts)


def _argument(value: Value, label: str) -> NodeArg:
    if value.type not in _NAMES:
        raise ColonnadeError(f"{label}: the file is damaged (an unknown type); compile it again")
    dtype: np.dtype[Any] = np.dtype(value.type)
    return NodeArg(value.name, value.shape, _NAMES[value.type], dtype)
