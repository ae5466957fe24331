"""Rewrites of the graph that keep what it computes. `optimize` runs them all."""

from colonnade.graph.passes.pipeline import PASSES, optimize

__all__ = ["PASSES", "optimize"]
