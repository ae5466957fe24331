"""The convolutions of an nn.Module, described as those of an ONNX model are, so that one rule says what stays dense."""

from __future__ import annotations

from collections import Counter

import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn

from colonnade.errors import ColonnadeError
from colonnade.sparse.convolutions import Convolution

Layer = nn.Conv1d | nn.Conv2d | nn.Conv3d


def find_layers(model: nn.Module) -> dict[str, Layer]:
    """Convolutions by the name of their module, in the module's order."""
    return {name: module for name, module in model.named_modules() if isinstance(module, Layer)}


def describe(model: nn.Module, layers: dict[str, Layer], example: Tensor) -> list[Convolution]:
    """What `sparse.prune` needs to know of each layer. The model is run once on `example` to see which layers read its
    input. ColonnadeError for a layer that is parametrized already, and for weights that are not on a device."""
    stems = _reading_input(model, layers, example)
    owners = Counter(
        id(parameter)
        for module in model.modules()
        for parameter in module._parameters.values()
        if parameter is not None
    )
    readers = Counter(id(layer.weight) for layer in layers.values())
    found = []
    for name, layer in layers.items():
        if nn.utils.parametrize.is_parametrized(layer, "weight"):
            raise ColonnadeError(f"layer {name!r}: its weight is parametrized already; squash or remove that first")
        if "weight" not in layer._parameters:
            raise ColonnadeError(
                f"layer {name!r}: a hook computes its weight (torch.nn.utils.prune, weight_norm or spectral_norm); "
                "remove that first"
            )
        weights = layer.weight.detach().cpu()
        found.append(
            Convolution(
                name=name,
                node=helper.make_node("Conv", ["input", "weights"], ["output"], name, group=layer.groups),
                groups=layer.groups,
                reads_input=name in stems,
                source=str(id(layer.weight)),
                tensor=numpy_helper.from_array(weights.to(torch.promote_types(weights.dtype, torch.float32)).numpy()),
                shared=owners[id(layer.weight)] > readers[id(layer.weight)],
            )
        )
    return found


@torch.no_grad()
def _reading_input(model: nn.Module, layers: dict[str, Layer], example: Tensor) -> set[str]:
    """Names of the layers that are called with `example` itself, or with a view of it as Identity and Dropout give."""
    found: set[str] = set()
    place = example.data_ptr()

    def watch(name: str) -> torch.utils.hooks.RemovableHandle:
        def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            if inputs and inputs[0].data_ptr() == place:
                found.add(name)

        return layers[name].register_forward_pre_hook(note)

    handles = [watch(name) for name in layers]
    training = {module: module.training for module in model.modules()}
    try:
        model.eval()(example)
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in training.items():
            module.training = mode
    return found
