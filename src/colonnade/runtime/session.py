"""Runs a compiled model, with the calls of onnxruntime.InferenceSession."""

from __future__ import annotations

import ctypes
import math
import os
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.modelfile.staged import MAGIC, is_staged
from colonnade.runtime.batches import NodeArg, Run, output_shapes, plan_runs, programs_of
from colonnade.runtime.binding import checked, library, printable

__all__ = ["NodeArg", "Session"]


class HasData(Protocol):
    """A compiled model that was not written to a file."""

    @property
    def data(self) -> bytes: ...


Source = str | os.PathLike[str] | bytes | bytearray | memoryview | HasData


class Session:
    """A model ready to run. Calls from several Python threads are safe and run side by side: each takes an arena and
    a team of `threads` threads from a small pool, which grows to the number of calls that were ever under way. A
    child of fork() may use it too; its first run there starts threads of its own."""

    def __new__(cls, model: Source, *, threads: int = 1) -> Session:
        if cls is Session and is_staged(_first_bytes(model)):
            from colonnade.runtime.staged import StagedSession

            cls = StagedSession
        return super().__new__(cls)

    def __init__(self, model: Source, *, threads: int = 1) -> None:
        """Open and check a model file, its bytes, or a compiled model in memory. `threads`: cores one run may use.
        ColonnadeError for a model that is missing, damaged or for another CPU, and for threads that are not an int
        from 1 to 1024."""
        self._label = label_of(model)
        self._threads = checked_threads(threads, self._label)
        self._model = _open(model, self._label)
        weakref.finalize(self, library().cln_model_close, self._model)
        self._programs = programs_of(self._model)
        self._inputs, self._outputs = self._programs[0].inputs, self._programs[0].outputs
        # Its methods are atomic, so there is no lock that a fork could leave locked in the child.
        self._idle = deque([self._create()])

    @property
    def target(self) -> str:
        """The instruction set the model was compiled for."""
        return str(library().cln_model_target(self._model).decode())

    @property
    def arena_bytes(self) -> int:
        """Memory for activations of one run: of each thread, where threads share out the images of a batch. With
        several programs, of the one that needs the most."""
        return max(int(library().cln_model_arena_bytes(program.handle)) for program in self._programs)

    @property
    def input_shapes(self) -> tuple[dict[str, tuple[int, ...]], ...]:
        """Shapes of the inputs by name, of every program in the file."""
        return tuple({arg.name: arg.shape for arg in program.inputs} for program in self._programs)

    def get_inputs(self) -> list[NodeArg]:
        """Of the first program, where the file has several."""
        return list(self._inputs)

    def get_outputs(self) -> list[NodeArg]:
        """Of the first program, where the file has several."""
        return list(self._outputs)

    def run(self, output_names: Sequence[str] | None, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """The named outputs (None: all) for the given inputs, arrays of the declared types and shapes. Contiguous
        inputs are read where they are; outputs are written straight into the arrays returned.

        A file with several programs takes the shapes of any of them. Where its images do not depend on each other, it
        takes any number of them: they are shared out among the batches that there are (runtime/batches.py), the last
        one filled up with zeros."""
        wanted = self._wanted(output_names)
        inputs = self._bind(feeds)
        runs = plan_runs(self._programs, inputs, self._label)
        outputs = self._empty_outputs(runs)
        with _Borrowed(self) as sessions:
            for run in runs:
                run.execute(sessions, inputs, outputs)
        return [outputs[i] for i in wanted]

    def profile(self, feeds: Mapping[str, np.ndarray], repeat: int = 10) -> list[tuple[str, str, float]]:
        """Per step: node name, kind of step, median milliseconds over `repeat` runs after one to warm up."""
        self.profile_once(feeds)
        medians = np.median([self.profile_once(feeds) for _ in range(repeat)], axis=0) / 1e6
        program = self._exact(self._bind(feeds)).program
        return [(*program.step(i), float(ms)) for i, ms in enumerate(medians)]

    def profile_once(self, feeds: Mapping[str, np.ndarray]) -> np.ndarray:
        """Nanoseconds of each step in one run of one program, whose shapes the inputs must have."""
        inputs = self._bind(feeds)
        run = self._exact(inputs)
        outputs = self._empty_outputs([run])
        times = np.zeros(library().cln_model_steps(run.program.handle))
        with _Borrowed(self) as sessions:
            run.execute(sessions, inputs, outputs, times)
        return times

    def _exact(self, inputs: Sequence[np.ndarray]) -> Run:
        """The one run that takes the inputs as they are."""
        runs = plan_runs(self._programs, inputs, self._label)
        if len(runs) > 1 or not runs[0].fits:
            raise ColonnadeError(f"{self._label}: only the shapes that the file has can be profiled")
        return runs[0]

    def fma_rate(self, rounds: int) -> float:
        """Multiply-adds per nanosecond that all threads together do with operands in registers, in `rounds` rounds of a
        loop: the peak of the model's instruction set on this machine, now."""
        with _Borrowed(self) as sessions:
            return float(library().cln_session_fma_rate(sessions[0], rounds))

    def read_rate(self, memory: np.ndarray, rounds: int = 1) -> float:
        """Bytes per nanosecond that all threads together read from `memory`, each its own part `rounds` times."""
        flat = np.require(memory, requirements=["C_CONTIGUOUS", "ALIGNED"])
        with _Borrowed(self) as sessions:
            return float(library().cln_session_read_rate(sessions[0], flat.ctypes.data, flat.nbytes, rounds))

    def _create(self) -> list[ctypes.c_void_p]:
        """A native session for each program, with one arena and one team for all."""
        session = ctypes.c_void_p()
        create, of_program = library().cln_session_create, library().cln_session_program
        checked(self._label, create, self._model, self._threads, ctypes.byref(session))
        # Freed before the model: finalizers run last registered, first called.
        weakref.finalize(self, library().cln_session_free, session)
        return [ctypes.c_void_p(of_program(session, i)) for i in range(len(self._programs))]

    def _empty_outputs(self, runs: Sequence[Run]) -> list[np.ndarray]:
        """Arrays for all outputs. ColonnadeError where there is no memory for them."""
        shapes = output_shapes(runs)
        try:
            return [np.empty(shape, arg.dtype) for shape, arg in zip(shapes, self._outputs, strict=True)]
        except (MemoryError, ValueError):  # ValueError: numpy's, for more bytes than there are addresses
            sizes = zip(shapes, self._outputs, strict=True)
            needed = sum(math.prod(shape) * arg.dtype.itemsize for shape, arg in sizes)
            raise ColonnadeError(f"{self._label}: not enough memory for outputs of {needed} bytes") from None

    def _wanted(self, names: Sequence[str] | None) -> list[int]:
        known = [arg.name for arg in self._outputs]
        if names is None:
            return list(range(len(known)))
        for name in names:
            if name not in known:
                outputs = printable(", ".join(known))
                raise ColonnadeError(f"{self._label}: no output '{printable(name)}'; outputs: {outputs}")
        return [known.index(name) for name in names]

    def _bind(self, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        names = [arg.name for arg in self._inputs]
        for name in feeds:
            if name not in names:
                inputs = printable(", ".join(names))
                raise ColonnadeError(f"{self._label}: no input '{printable(name)}'; inputs: {inputs}")
        return [self._checked_input(arg, feeds) for arg in self._inputs]

    def _checked_input(self, arg: NodeArg, feeds: Mapping[str, np.ndarray]) -> np.ndarray:
        label = f"{self._label}: input '{printable(arg.name)}'"
        if arg.name not in feeds:
            raise ColonnadeError(f"{label} is missing")
        array = np.asarray(feeds[arg.name])
        if array.dtype != arg.dtype:
            raise ColonnadeError(f"{label} must be {arg.dtype}, not {array.dtype}")
        return np.require(array, requirements=["C_CONTIGUOUS", "ALIGNED"])


class _Borrowed:
    """The idle native sessions of all programs for the length of a `with`; a new one when all are busy."""

    def __init__(self, owner: Session) -> None:
        self._owner = owner

    def __enter__(self) -> list[ctypes.c_void_p]:
        try:
            self._sessions = self._owner._idle.pop()
        except IndexError:
            self._sessions = self._owner._create()
        return self._sessions

    def __exit__(self, *_: object) -> None:
        self._owner._idle.append(self._sessions)


def label_of(model: Source) -> str:
    """What messages call it."""
    return printable(str(model)) if isinstance(model, str | os.PathLike) else "compiled model"


def checked_threads(threads: object, label: str) -> int:
    """An int that C can be given; the library says which of these it takes."""
    if isinstance(threads, bool) or not isinstance(threads, int | np.integer) or abs(int(threads)) >= 2**31:
        raise ColonnadeError(f"{label}: threads must be a number of cores, not {threads!r}")
    return int(threads)


def _open(model: Source, label: str) -> ctypes.c_void_p:
    handle = ctypes.c_void_p()
    if isinstance(model, str | os.PathLike):
        path = os.fsencode(model)
        if b"\0" in path:
            raise ColonnadeError(f"{label}: a path with a zero byte names no file")
        if Path(os.fsdecode(path)).suffix == ".onnx" and Path(os.fsdecode(path)).is_file():
            raise ColonnadeError(f"{label}: is an ONNX file; compile it first (colonnade compile, colonnade.compile)")
        checked(label, library().cln_model_open, path, ctypes.byref(handle))
        return handle
    content = model_bytes(model, label)
    checked(label, library().cln_model_read, content, len(content), ctypes.byref(handle))
    return handle


def model_bytes(model: Source, label: str) -> bytes:
    """All bytes of a model, wherever they are."""
    if isinstance(model, str | os.PathLike):
        try:
            return Path(model).read_bytes()
        except OSError as error:
            raise ColonnadeError(f"{label}: {error.strerror}") from error
    data = model if isinstance(model, bytes | bytearray | memoryview) else getattr(model, "data", None)
    if not isinstance(data, bytes | bytearray | memoryview):
        raise ColonnadeError(f"a model is a path, bytes or a compiled model, not of type {type(model).__name__}")
    return bytes(data)


def _first_bytes(model: Source) -> bytes:
    """Enough to tell kinds of files apart; nothing where there is no file, which opening it will say."""
    if isinstance(model, str | os.PathLike):
        try:
            path = Path(model)
            if not path.is_file():  # opening a pipe would wait
                return b""
            with path.open("rb") as stream:
                return stream.read(len(MAGIC))
        except (OSError, ValueError):
            return b""
    data = model if isinstance(model, bytes | bytearray | memoryview) else getattr(model, "data", b"")
    return bytes(data[: len(MAGIC)]) if isinstance(data, bytes | bytearray | memoryview) else b""
