"""All networks of the zoo with random weights, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import onnx

from colonnade.errors import ColonnadeError
from colonnade.zoo.builder import NetBuilder
from colonnade.zoo.detectors import yolo11n, yolov8n
from colonnade.zoo.measured import MeasuredBuilder
from colonnade.zoo.networks import CLASSIFIERS
from colonnade.zoo.segmenters import text_detector, unet
from colonnade.zoo.trained import TRAINED

MIN_INPUT_SIZE = 32  # Every network divides height and width by 32.
MAX_CLASSES = 100_000  # Keeps every file below the 2 GiB that one protobuf message can hold.


@dataclass(frozen=True)
class _Spec:
    """draw adds all layers and outputs. The sizes are the defaults; input sizes are multiples of `step`."""

    draw: Callable[[NetBuilder, int], None]
    input_size: int = 224
    classes: int = 1000
    step: int = 1
    builder: type[NetBuilder] = NetBuilder


_SPECS = {name: _Spec(draw) for name, draw in CLASSIFIERS.items()} | {
    "yolov8n": _Spec(yolov8n, 320, 80, step=32, builder=MeasuredBuilder),
    "yolo11n": _Spec(yolo11n, 320, 80, step=32, builder=MeasuredBuilder),
    "unet": _Spec(unet, 320, 21, step=32),
    "text_detector": _Spec(text_detector, 320, 1, step=32, builder=MeasuredBuilder),
}
NAMES = tuple(_SPECS)


def build(
    name: str,
    *,
    input_size: int | None = None,
    classes: int | None = None,
    batch: int | None = None,
    seed: int = 0,
) -> onnx.ModelProto:
    """One of `NAMES` with random weights: ONNX opset 17, "input" [N, 3, input_size, input_size] f32, where N is
    symbolic unless `batch` is given. Classifiers give "logits" [N, classes], by default of 224 x 224 and 1000 classes;
    what the others give, their functions say. The same arguments give the same bytes, but for
    rounding of the detectors' batch norms on another CPU.

    Raises ColonnadeError for an unknown name and for sizes out of range.
    """
    spec = _SPECS.get(name)
    if spec is None:
        raise ColonnadeError(f"unknown network {name!r}: choose one of {', '.join((*NAMES, *TRAINED))}")
    size = spec.input_size if input_size is None else input_size
    count = spec.classes if classes is None else classes
    _check("input size", size, MIN_INPUT_SIZE)
    if size % spec.step:
        raise ColonnadeError(f"input size is {size}: {name} needs a multiple of {spec.step}")
    _check("classes", count, 1, MAX_CLASSES)
    _check("batch", 1 if batch is None else batch, 1)
    _check("seed", seed, 0)
    net = spec.builder(input_size=size, batch=batch, seed=seed)
    spec.draw(net, count)
    return net.model(name)


def _check(what: str, value: int, low: int, high: int | None = None) -> None:
    if value < low or (high is not None and value > high):
        limits = f"at least {low}" if high is None else f"from {low} to {high}"
        raise ColonnadeError(f"{what} is {value}: it must be {limits}")
