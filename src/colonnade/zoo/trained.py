"""Networks with trained weights, which come with the package as ONNX files."""

from __future__ import annotations

from importlib.resources import files

import onnx

from colonnade.errors import ColonnadeError

# examples/fashion_mnist/README.md says how they were trained, and how well they do.
TRAINED = ("fashion_resnet",)


def trained(name: str) -> onnx.ModelProto:
    """One of `TRAINED`: "input" f32 [N, 1, 28, 28], pixels from 0 to 1 less 0.2860 divided by 0.3530, to "logits"
    [N, 10]. ColonnadeError for an unknown name."""
    if name not in TRAINED:
        raise ColonnadeError(f"unknown trained network {name!r}: choose one of {', '.join(TRAINED)}")
    return onnx.load_from_string((files("colonnade.zoo") / f"{name}.onnx").read_bytes())
