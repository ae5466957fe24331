"""Well-known networks as ONNX files with seeded random weights, and small ones with trained weights."""

from colonnade.zoo.catalog import NAMES, build
from colonnade.zoo.networks import CLASSIFIERS
from colonnade.zoo.trained import TRAINED, trained

__all__ = ["CLASSIFIERS", "NAMES", "TRAINED", "build", "trained"]
