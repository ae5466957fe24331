"""Which programs of a model file run what a caller gives: one whose inputs have these shapes, or several that share out
the images of a batch."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from colonnade.elements import ELEMENTS
from colonnade.errors import ColonnadeError
from colonnade.runtime.binding import Info, library, printable


@dataclass(frozen=True)
class NodeArg:
    """An input or output: name, shape in ONNX order, type as onnxruntime spells it, and as numpy does."""

    name: str
    shape: tuple[int, ...]
    type: str
    dtype: np.dtype[Any]


@dataclass(frozen=True)
class Program:
    """One program of an open model. number: in the file; images: of a run, if none depends on another; else 0."""

    number: int
    handle: ctypes.c_void_p
    images: int
    inputs: list[NodeArg]
    outputs: list[NodeArg]

    def takes(self, inputs: Sequence[np.ndarray]) -> bool:
        """Whether the inputs have the shapes of this program."""
        return all(x.shape == arg.shape for x, arg in zip(inputs, self.inputs, strict=True))

    def takes_parts_of(self, inputs: Sequence[np.ndarray]) -> bool:
        """Whether they have them but for the number of images, which is the same in all, one or more."""
        counts = {x.shape[:1] for x in inputs}
        same = all(x.shape[1:] == arg.shape[1:] for x, arg in zip(inputs, self.inputs, strict=True))
        return self.images > 0 and same and len(counts) == 1 and not counts & {(), (0,)}

    def step(self, index: int) -> tuple[str, str]:
        """The node and the kind of a step."""
        op = ctypes.c_char_p()
        name = library().cln_model_step(self.handle, index, ctypes.byref(op))
        return name.decode(errors="replace"), (op.value or b"").decode()


@dataclass(frozen=True)
class Run:
    """One run of a program. images: which of the caller's it computes, from the first to before the last; None: its
    inputs are the caller's, whole."""

    program: Program
    images: tuple[int, int] | None = None

    @property
    def fits(self) -> bool:
        """Whether there are as many images as the program takes."""
        return self.images is None or self.images[1] - self.images[0] == self.program.images

    def execute(
        self,
        sessions: Sequence[ctypes.c_void_p],
        inputs: Sequence[np.ndarray],
        outputs: Sequence[np.ndarray],
        times: np.ndarray | None = None,
    ) -> None:
        """Compute its part of the outputs, by the native session of its program. times: nanoseconds of each step go
        there."""
        part = slice(None) if self.images is None else slice(*self.images)
        given, made = [x[part] if self.images else x for x in inputs], [y[part] if self.images else y for y in outputs]
        if not self.fits:
            given = [_filled_up(x, arg) for x, arg in zip(given, self.program.inputs, strict=True)]
            made = [np.empty(arg.shape, arg.dtype) for arg in self.program.outputs]
        session, pointers = sessions[self.program.number], (_addresses(given), _addresses(made))
        if times is None:
            library().cln_session_run(session, *pointers)
        else:
            double = ctypes.POINTER(ctypes.c_double)
            library().cln_session_profile(session, *pointers, times.ctypes.data_as(double))
        if not self.fits:
            for y, whole in zip(outputs, made, strict=True):
                y[part] = whole[: len(y[part])]


def programs_of(model: ctypes.c_void_p) -> list[Program]:
    """The programs of an open model."""
    lib = library()
    found = []
    for number in range(lib.cln_model_programs(model)):
        handle = ctypes.c_void_p(lib.cln_model_program(model, number))
        inputs = [_arg(lib.cln_model_input(handle, i)) for i in range(lib.cln_model_inputs(handle))]
        outputs = [_arg(lib.cln_model_output(handle, i)) for i in range(lib.cln_model_outputs(handle))]
        found.append(Program(number, handle, lib.cln_model_images(handle), inputs, outputs))
    return found


def plan_runs(programs: Sequence[Program], inputs: Sequence[np.ndarray], label: str) -> list[Run]:
    """The runs that compute the outputs for these inputs, given in the order of the model's. ColonnadeError, which
    names the shapes that there are, where no program takes them or a part of them."""
    for program in programs:
        if program.takes(inputs):
            return [Run(program)]
    parts = {program.images: program for program in programs if program.takes_parts_of(inputs)}
    if not parts:
        raise ColonnadeError(_refusal(programs, inputs, label))
    images, at, runs = len(inputs[0]), 0, []
    for batch in split(images, list(parts)):
        runs.append(Run(parts[batch], (at, min(at + batch, images))))
        at += batch
    return runs


def split(images: int, batches: Sequence[int]) -> list[int]:
    """Batches that together hold so many images, large ones first: those that compute the fewest images in all, and of
    these the fewest."""
    largest = max(batches)
    best: list[tuple[int, int, list[int]]] = [(0, 0, [])]  # for each number of images: computed, runs, batches
    for count in range(1, images % largest + 1):
        options = [(best[max(count - batch, 0)], batch) for batch in batches]
        best.append(min((done + batch, runs + 1, [batch, *rest]) for (done, runs, rest), batch in options))
    return [largest] * (images // largest) + sorted(best[images % largest][2], reverse=True)


def output_shapes(runs: Sequence[Run]) -> list[tuple[int, ...]]:
    """Shapes of the outputs of all runs together."""
    shapes = [arg.shape for arg in runs[0].program.outputs]
    last = runs[-1].images
    return shapes if last is None else [(last[1], *shape[1:]) for shape in shapes]


def _refusal(programs: Sequence[Program], inputs: Sequence[np.ndarray], label: str) -> str:
    """Why no program takes the inputs."""
    first = programs[0].inputs
    wrong = next((i for i, arg in enumerate(first) if all(inputs[i].shape != p.inputs[i].shape for p in programs)), 0)
    shapes = " or ".join(dict.fromkeys(str(program.inputs[wrong].shape) for program in programs))
    text = f"{label}: input '{printable(first[wrong].name)}' must have shape {shapes}, not {inputs[wrong].shape}"
    kept = [p for p in programs if p.inputs[wrong].shape[1:] == inputs[wrong].shape[1:] and inputs[wrong].ndim]
    if kept and not any(program.images for program in kept):
        text += "; other batches are refused, for the network is not known to compute each image by itself"
    return text


def _filled_up(x: np.ndarray, arg: NodeArg) -> np.ndarray:
    whole = np.zeros(arg.shape, arg.dtype)
    whole[: len(x)] = x
    return whole


def _arg(info: Info) -> NodeArg:
    element = ELEMENTS[info.element]
    name, shape = info.name.decode(errors="replace"), tuple(info.dims[: info.rank])
    return NodeArg(name, shape, element.onnxruntime, np.dtype(element.dtype))


def _addresses(arrays: Sequence[np.ndarray]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))
