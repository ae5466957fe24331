"""Runs a compiled model, with the calls of onnxruntime.InferenceSession."""

from __future__ import annotations

import ctypes
import math
import os
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from colonnade.elements import ELEMENTS
from colonnade.errors import ColonnadeError
from colonnade.modelfile.staged import MAGIC, is_staged
from colonnade.runtime.binding import Info, checked, library, printable


@dataclass(frozen=True)
class NodeArg:
    """An input or output: name, shape in ONNX order, type as onnxruntime spells it, and as numpy does."""

    name: str
    shape: tuple[int, ...]
    type: str
    dtype: np.dtype[Any]


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
        lib = library()
        weakref.finalize(self, lib.cln_model_close, self._model)
        self._inputs = [_arg(lib.cln_model_input(self._model, i)) for i in range(lib.cln_model_inputs(self._model))]
        self._outputs = [_arg(lib.cln_model_output(self._model, i)) for i in range(lib.cln_model_outputs(self._model))]
        # Its methods are atomic, so there is no lock that a fork could leave locked in the child.
        self._idle = deque([self._create()])

    @property
    def target(self) -> str:
        """The instruction set the model was compiled for."""
        return str(library().cln_model_target(self._model).decode())

    @property
    def arena_bytes(self) -> int:
        """Memory for activations of one run: of each thread, where threads share out the images of a batch."""
        return int(library().cln_model_arena_bytes(self._model))

    def get_inputs(self) -> list[NodeArg]:
        return list(self._inputs)

    def get_outputs(self) -> list[NodeArg]:
        return list(self._outputs)

    def run(self, output_names: Sequence[str] | None, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """The named outputs (None: all) for the given inputs, arrays of the declared types and shapes. Contiguous
        inputs are read where they are; outputs are written straight into the arrays returned."""
        wanted = self._wanted(output_names)
        inputs = self._bind(feeds)
        outputs = self._empty_outputs()
        with _Borrowed(self) as session:
            library().cln_session_run(session, _addresses(inputs), _addresses(outputs))
        return [outputs[i] for i in wanted]

    def profile(self, feeds: Mapping[str, np.ndarray], repeat: int = 10) -> list[tuple[str, str, float]]:
        """Per step: node name, kind of step, median milliseconds over `repeat` runs after one to warm up."""
        self.profile_once(feeds)
        medians = np.median([self.profile_once(feeds) for _ in range(repeat)], axis=0) / 1e6
        return [(*self._step(i), float(ms)) for i, ms in enumerate(medians)]

    def profile_once(self, feeds: Mapping[str, np.ndarray]) -> np.ndarray:
        """Nanoseconds of each step in one run."""
        inputs = self._bind(feeds)
        outputs = self._empty_outputs()
        times = np.zeros(library().cln_model_steps(self._model))
        pointer = times.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
        with _Borrowed(self) as session:
            library().cln_session_profile(session, _addresses(inputs), _addresses(outputs), pointer)
        return times

    def fma_rate(self, rounds: int) -> float:
        """Multiply-adds per nanosecond that all threads together do with operands in registers, in `rounds` rounds of a
        loop: the peak of the model's instruction set on this machine, now."""
        with _Borrowed(self) as session:
            return float(library().cln_session_fma_rate(session, rounds))

    def read_rate(self, memory: np.ndarray, rounds: int = 1) -> float:
        """Bytes per nanosecond that all threads together read from `memory`, each its own part `rounds` times."""
        flat = np.require(memory, requirements=["C_CONTIGUOUS", "ALIGNED"])
        with _Borrowed(self) as session:
            return float(library().cln_session_read_rate(session, flat.ctypes.data, flat.nbytes, rounds))

    def _step(self, index: int) -> tuple[str, str]:
        op = ctypes.c_char_p()
        name = library().cln_model_step(self._model, index, ctypes.byref(op))
        return name.decode(errors="replace"), (op.value or b"").decode()

    def _create(self) -> ctypes.c_void_p:
        session = ctypes.c_void_p()
        create = library().cln_session_create
        checked(self._label, create, self._model, self._threads, ctypes.byref(session))
        # Freed before the model: finalizers run last registered, first called.
        weakref.finalize(self, library().cln_session_free, session)
        return session

    def _empty_outputs(self) -> list[np.ndarray]:
        """Arrays for all outputs. ColonnadeError where there is no memory for them."""
        try:
            return [np.empty(arg.shape, arg.dtype) for arg in self._outputs]
        except (MemoryError, ValueError):  # ValueError: numpy's, for more bytes than there are addresses
            needed = sum(math.prod(arg.shape) * arg.dtype.itemsize for arg in self._outputs)
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
        if array.shape != arg.shape:
            raise ColonnadeError(f"{label} must have shape {arg.shape}, not {array.shape}")
        return np.require(array, requirements=["C_CONTIGUOUS", "ALIGNED"])


class _Borrowed:
    """An idle native session for the length of a `with`; a new one when all are busy."""

    def __init__(self, owner: Session) -> None:
        self._owner = owner

    def __enter__(self) -> ctypes.c_void_p:
        try:
            self._session = self._owner._idle.pop()
        except IndexError:
            self._session = self._owner._create()
        return self._session

    def __exit__(self, *_: object) -> None:
        self._owner._idle.append(self._session)


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


def _arg(info: Info) -> NodeArg:
    element = ELEMENTS[info.element]
    name, shape = info.name.decode(errors="replace"), tuple(info.dims[: info.rank])
    return NodeArg(name, shape, element.onnxruntime, np.dtype(element.dtype))


def _addresses(arrays: Sequence[np.ndarray]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))
