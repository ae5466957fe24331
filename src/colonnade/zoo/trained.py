"""Networks with trained weights, which come with the package as ONNX files."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

import onnx

from colonnade.data.known import DIGITS, FASHION
from colonnade.errors import ColonnadeError

# The data set that each was trained on. The folder of that name in examples/ has the scripts and says how well they do.
TRAINED: Mapping[str, str] = MappingProxyType(
    {"fashion_resnet": FASHION, "fashion_mobilenet": FASHION, "digits_cnn": DIGITS}
)


def trained(name: str) -> onnx.ModelProto:
    """One of `TRAINED`: "input" f32 [N, 1, H, W], images of its data set normalised as `KnownSet.preprocess` says, to
    "logits" [N, 10]. ColonnadeError for an unknown name."""
    if name not in TRAINED:
        raise ColonnadeError(f"unknown trained network {name!r}: choose one of {', '.join(TRAINED)}")
    return onnx.load_from_string((files("colonnade.zoo") / f"{name}.onnx").read_bytes())
