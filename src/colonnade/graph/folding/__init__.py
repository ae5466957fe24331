"""Nodes whose operands are all constants, computed at import: one small numpy function for each ONNX operator, and for
those that have none, the function that reads the operator and the graph's own meaning of it (`fold.py`)."""

from colonnade.graph.folding import creation, elementwise, indexing, movement, quantization, reduction

__all__ = ["creation", "elementwise", "indexing", "movement", "quantization", "reduction"]
