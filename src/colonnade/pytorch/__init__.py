"""Models straight from PyTorch: `from_torch`, and a backend of `torch.compile`. Needs the extra `torch`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from colonnade.api import Model
from colonnade.errors import ColonnadeError

if TYPE_CHECKING:
    from torch import Tensor, nn


def from_torch(module: nn.Module, example_inputs: Tensor | Sequence[Tensor], *, name: str | None = None) -> Model:
    """The ONNX model of a PyTorch module in evaluation mode, as `colonnade.load` gives it.

    `example_inputs`: a tensor, or a sequence of tensors in the order of forward's arguments; the model has their
    shapes (`compile` takes another batch and image size). `name`: by default the class's. The module stays as it is.
    ColonnadeError if it is in training mode, PyTorch cannot export it, or torch or onnxscript is missing.
    """
    try:
        from colonnade.pytorch.export import export_module
    except ImportError as error:
        raise ColonnadeError(f"from_torch: needs {error.name}; pip install 'colonnade[torch]'") from None
    return export_module(module, example_inputs, name)
