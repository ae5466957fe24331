"""Seven well-known networks as ONNX files with seeded random weights."""

from colonnade.zoo.networks import NAMES, build

__all__ = ["NAMES", "build"]
