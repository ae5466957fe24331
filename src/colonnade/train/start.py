"""Takes masks, weights and biases of a pruned ONNX file back into the network it was exported from, to train on there.

Exporters fold batch norms into convolutions. Of a layer y = s (W x + b - m) + d, where m and d are the batch norm's
running mean and bias and s is its scale over the running deviation, the file holds s W and s (b - m) + d. So weights
are divided by s, and where the layer has no bias the file's goes into m, which training replaces by the mean of each
batch: what `prune --calibrate` matches to the dense network, mean and deviation of the outputs, batch norm then keeps.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.hooks import RemovableHandle

from colonnade.errors import ColonnadeError
from colonnade.graph.ir import Conv, Graph
from colonnade.graph.onnx_import import import_model
from colonnade.graph.passes import optimize
from colonnade.graph.passes.affine import fold_affine_backward
from colonnade.graph.passes.simplify import drop_identities
from colonnade.plan.compiler import compile_graph
from colonnade.runtime.session import Session
from colonnade.train.layers import Layer, find_layers

# Of the largest score. Another network's scores are off by far more, sums in TF32 on a GPU by less.
_TOLERANCE = 0.02


@dataclass(frozen=True)
class _Call:
    """A convolution that was run, and the batch norm that read its output, if one did."""

    name: str
    layer: Layer
    norm: _BatchNorm | None


def start_from(model: nn.Module, path: str | os.PathLike[str], example: Tensor) -> None:
    """Give every convolution of `model` that has zeros in the ONNX file at `path` its weights and bias from there.

    The file is an export of `model` with the weights it has now, batch norms folded or not, pruned by whatever method.
    `example` [1, C, H, W] is an input of `model`. A layer with neither bias nor batch norm gets a bias. ColonnadeError
    for a file whose convolutions are not those of `model`, or whose scores for `example` are not what `model` then
    gives.
    """
    path = Path(path)
    height, width = example.shape[2:]
    graph = fold_affine_backward(drop_identities(import_model(path, input_size=(height, width))))
    stored = [_stored(graph, node.inputs) for node in graph.nodes if isinstance(node.op, Conv)]
    calls = _calls(model, example)
    if [weights.shape for weights, _ in stored] != [tuple(call.layer.weight.shape) for call in calls]:
        raise ColonnadeError(f"{path}: {_first_difference(stored, calls)}; prune the export of this network")
    for (weights, bias), call in zip(stored, calls, strict=True):
        if not weights.all():
            _take(call, torch.from_numpy(weights), torch.from_numpy(bias))
    _check_scores(model, graph, path, example)


def _stored(graph: Graph, inputs: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Weights and bias of a convolution of the file; empty weights where they are computed."""
    weights = graph.constants.get(inputs[1], np.empty(0, np.float32))
    bias = graph.constants[inputs[2]] if len(inputs) > 2 else np.zeros(weights.shape[:1], np.float32)
    return weights.copy(), bias.copy()


def _calls(model: nn.Module, example: Tensor) -> list[_Call]:
    """The convolutions in the order in which they run, which is that of the nodes of an exported file."""
    ran: list[tuple[str, Layer, Tensor]] = []
    readers: dict[int, _BatchNorm] = {}

    def note(name: str, layer: Layer) -> RemovableHandle:
        return layer.register_forward_hook(lambda _, inputs, output: ran.append((name, layer, output)))

    def note_reader(norm: _BatchNorm) -> RemovableHandle:
        return norm.register_forward_pre_hook(lambda _, inputs: readers.update({id(inputs[0]): norm}))

    handles = [note(name, layer) for name, layer in find_layers(model).items()]
    handles += [note_reader(module) for module in model.modules() if isinstance(module, _BatchNorm)]
    try:
        _scores(model, example)
    finally:
        for handle in handles:
            handle.remove()
    # `ran` has kept the outputs, so that no two of them had the same id.
    return [_Call(name, layer, readers.get(id(output))) for name, layer, output in ran]


def _first_difference(stored: list[tuple[np.ndarray, np.ndarray]], calls: list[_Call]) -> str:
    for number, ((weights, _), call) in enumerate(zip(stored, calls, strict=False), 1):
        if weights.shape != (wanted := tuple(call.layer.weight.shape)):
            found = list(weights.shape) if weights.size else "computed"
            return f"weights of convolution {number} are {found}, but those of layer {call.name!r} {list(wanted)}"
    return f"has {len(stored)} convolutions, but the network runs {len(calls)} modules that are convolutions"


@torch.no_grad()
def _take(call: _Call, weights: Tensor, bias: Tensor) -> None:
    """Put what the file holds of a layer into it: weights [Cout, ...] and bias [Cout], a batch norm folded in."""
    layer, norm = call.layer, call.norm
    weights, bias = weights.to(layer.weight), bias.to(layer.weight)
    if norm is not None and norm.running_mean is not None and norm.running_var is not None:
        scale = torch.rsqrt(norm.running_var + norm.eps) * (1 if norm.weight is None else norm.weight)
        alive = scale != 0  # a channel that batch norm has switched off is the same for all weights
        scale = torch.where(alive, scale, 1)
        weights = weights / scale.view(-1, *(1 for _ in weights.shape[1:]))
        bias = torch.where(alive, (bias - (0 if norm.bias is None else norm.bias)) / scale + norm.running_mean, 0)
        if layer.bias is None:
            norm.running_mean.sub_(bias)
    elif layer.bias is None and bias.any():
        layer.bias = nn.Parameter(torch.zeros_like(bias))
    layer.weight.copy_(weights)
    if layer.bias is not None:
        layer.bias.copy_(bias)


def _check_scores(model: nn.Module, graph: Graph, path: Path, example: Tensor) -> None:
    """ColonnadeError unless `model` scores `example` as the file does."""
    session = Session(compile_graph(optimize(graph), plan="default"))
    (fed,), (asked,) = session.get_inputs(), session.get_outputs()
    (wanted,) = session.run([asked.name], {fed.name: example.float().cpu().numpy()})
    scores = _scores(model, example).float().cpu().numpy()
    if scores.shape != wanted.shape or np.abs(scores - wanted).max() > _TOLERANCE * np.abs(wanted).max():
        raise ColonnadeError(
            f"{path}: scores differ from the network's with these weights; it is pruned from other weights than "
            "model.weights, or from another network"
        )


@torch.no_grad()
def _scores(model: nn.Module, example: Tensor) -> Tensor:
    """In evaluation mode."""
    scores: Tensor = model.eval()(example)
    return scores
