"""What pruning one layer alone does to a network's output, for each layer and sparsity."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx

from colonnade.accuracy.classifier import Classifier
from colonnade.errors import ColonnadeError
from colonnade.graph.onnx_import import import_model
from colonnade.graph.passes import optimize
from colonnade.modelfile.writer import write
from colonnade.plan.choose.tuner import default_plan
from colonnade.plan.compiler import resolve_target
from colonnade.plan.lower import lower
from colonnade.plan.problem import ConvProblem, conv_problems
from colonnade.runtime.binding import checksum
from colonnade.runtime.session import Session


@dataclass(frozen=True)
class _Image:
    """A model file in memory."""

    data: bytes


def relative_error(scores: np.ndarray, dense: np.ndarray) -> float:
    """Squared error over the squared deviation from the mean of the dense scores [n, classes]: 0 for equal scores, 1
    for those that tell no image from another."""
    return float(np.square(scores - dense, dtype=np.float64).sum() / _variation(dense))


def output_errors(
    dense: onnx.ModelProto,
    pruned: Sequence[onnx.ModelProto],
    layers: Sequence[str],
    images: np.ndarray,
    *,
    input_size: int | None = None,
    threads: int = 1,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> np.ndarray:
    """The relative error of the scores for images f32 [n, C, H, W] when one of `layers` alone has the weights of a
    pruned model: f64 [layers, pruned]. The models are the dense one's ONNX file with zeros in it.

    The errors of layers pruned together come near the sum of these as long as they are small and independent. The
    network is planned once and only packed anew for each: which kernels run does not change the error.
    """
    graph = optimize(import_model(dense, input_size=input_size))
    target = resolve_target("native")
    plan = default_plan(graph, target)

    def scores(problems: Mapping[str, ConvProblem]) -> np.ndarray:
        data = write(lower(graph, target, replace(plan, problems=problems)), checksum)
        return Classifier(graph.name, Session(_Image(data), threads=threads), threads).scores(images)[0]

    variants = [conv_problems(optimize(import_model(model, input_size=input_size))) for model in pruned]
    expected = scores(plan.problems)
    if _variation(expected) == 0:
        raise ColonnadeError(f"{graph.name}: gives all {len(images)} images the same scores; use more or other images")
    errors = np.zeros((len(layers), len(pruned)))
    for row, layer in enumerate(layers):
        progress(f"prune {layer} alone", row, len(layers))
        for column, variant in enumerate(variants):
            changed = replace(plan.problems[layer], matrix=variant[layer].matrix, bias=variant[layer].bias)
            errors[row, column] = relative_error(scores({**plan.problems, layer: changed}), expected)
    progress("", len(layers), len(layers))
    return errors


def _variation(scores: np.ndarray) -> float:
    return float(np.square(scores - scores.mean(axis=0, dtype=np.float64)).sum())
