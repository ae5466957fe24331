"""A network that tells classes apart, from an ONNX file or a compiled one, ready to run on any number of images."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from colonnade.errors import ColonnadeError
from colonnade.graph.onnx_import import import_model
from colonnade.graph.passes import optimize
from colonnade.plan.compiler import compile_graph
from colonnade.runtime.session import HasData, NodeArg, Session

COMPILED_SUFFIX = ".colonnade"
Source = str | os.PathLike[str] | onnx.ModelProto | HasData


@dataclass(frozen=True)
class Classifier:
    """One image input f32 [batch, C, H, W], one output [batch, classes]. name: what to call it."""

    name: str
    session: Session
    threads: int

    @property
    def input(self) -> NodeArg:
        """The image input."""
        return self.session.get_inputs()[0]

    @property
    def batch(self) -> int:
        """Images of one run."""
        return self.input.shape[0]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        _, channels, height, width = self.input.shape
        return channels, height, width

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.session.get_outputs()[0].shape[1]

    def scores(self, images: np.ndarray) -> tuple[np.ndarray, list[float]]:
        """Outputs f32 [n, classes] for images [n, C, H, W], and the seconds of each run. Zeros fill up the last run.
        ColonnadeError for NaN or infinity in the outputs."""
        scores = np.empty((len(images), self.classes), np.float32)
        seconds = []
        for start in range(0, len(images), self.batch):
            part = images[start : start + self.batch]
            begin = time.perf_counter()
            outputs = self.run(part)
            seconds.append(time.perf_counter() - begin)
            scores[start : start + len(part)] = outputs[: len(part)]
        if not np.isfinite(scores).all():
            raise ColonnadeError(f"{self.name}: its output holds NaN or infinity")
        return scores, seconds

    def run(self, images: np.ndarray) -> np.ndarray:
        """Outputs [batch, classes] of one run, for at most `batch` images."""
        if len(images) < self.batch:
            images = np.concatenate([images, np.zeros((self.batch - len(images), *self.shape), np.float32)])
        (outputs,) = self.session.run(None, {self.input.name: images})
        return outputs.reshape(self.batch, self.classes)


def open_classifier(
    source: Source,
    *,
    name: str | None = None,
    batch: int | None = None,
    input_size: int | None = None,
    threads: int = 1,
) -> Classifier:
    """Open a compiled model (a path that ends in .colonnade, or one in memory), or compile an ONNX model with the
    default plan for `batch` images of `input_size` (None: what the file fixes, else 1 and 224).

    ColonnadeError if it is not a classifier of images, or was compiled for another batch or input size.
    """
    label = name or (os.fspath(source) if isinstance(source, str | os.PathLike) else "model")
    if isinstance(source, onnx.ModelProto) or (
        isinstance(source, str | os.PathLike) and Path(source).suffix != COMPILED_SUFFIX
    ):
        graph = optimize(import_model(source, batch=batch, input_size=input_size), merge=True)
        session = Session(compile_graph(graph, threads=threads, plan="default"), threads=threads)
    else:
        session = Session(source, threads=threads)
        _check_fixed(session, label, batch, input_size)
    _check_classifier(session, label)
    return Classifier(label, session, threads)


def _check_fixed(session: Session, label: str, batch: int | None, input_size: int | None) -> None:
    shape = session.get_inputs()[0].shape
    if batch not in (None, shape[0]):
        raise ColonnadeError(f"{label}: was compiled for batches of {shape[0]}, not {batch}; leave the batch out")
    if input_size is not None and shape[2:] != (input_size, input_size):
        raise ColonnadeError(f"{label}: was compiled for inputs {list(shape)}; leave the input size out")


def _check_classifier(session: Session, label: str) -> None:
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        found = ", ".join(f"{arg.name} {list(arg.shape)}" for arg in inputs)
        raise ColonnadeError(f"{label}: a classifier of images has one input [N, C, H, W]; this model has {found}")
    batch, shape = inputs[0].shape[0], outputs[0].shape
    plain = len(shape) in (2, 4) and shape[0] == batch and shape[1] > 1 and set(shape[2:]) <= {1}
    if len(outputs) != 1 or not plain:
        found = ", ".join(f"{arg.name} {list(arg.shape)}" for arg in outputs)
        raise ColonnadeError(f"{label}: a classifier has one output [{batch}, classes]; this model has {found}")
