"""Seven well-known networks as ONNX files with seeded random weights, and small ones with trained weights."""

from colonnade.zoo.networks import NAMES, build
from colonnade.zoo.trained import TRAINED, trained

__all__ = ["NAMES", "TRAINED", "build", "trained"]
