"""PyTorch modules as ONNX, by PyTorch's own exporter."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import onnxscript  # noqa: F401  (the exporter needs it; that it is missing shall be known at once)
import torch
from torch import Tensor, nn

from colonnade.api import Model
from colonnade.errors import ColonnadeError
from colonnade.runtime.binding import printable


def export_module(module: nn.Module, example_inputs: Tensor | Sequence[Tensor], name: str | None) -> Model:
    """See `from_torch`."""
    if not isinstance(module, nn.Module):
        raise ColonnadeError(f"from_torch: takes a torch.nn.Module, not {type(module).__name__}")
    label = name or type(module).__name__
    inputs = (example_inputs,) if isinstance(example_inputs, Tensor) else tuple(example_inputs)
    if not inputs or not all(isinstance(value, Tensor) for value in inputs):
        raise ColonnadeError(f"{label}: example_inputs must be a tensor or a sequence of tensors")
    for path, part in module.named_modules():
        if part.training:
            where = f"its part '{path}'" if path else "the module"
            raise ColonnadeError(f"{label}: {where} is in training mode; call module.eval() first")
    return Model(export(module, inputs, label).model_proto, label)


def export(module: nn.Module, inputs: tuple[Tensor, ...], label: str) -> torch.onnx.ONNXProgram:
    """The module with fixed shapes. ColonnadeError where PyTorch cannot export it."""
    with quiet_exporter(), torch.no_grad():
        try:
            program = torch.onnx.export(module, inputs, dynamo=True, verbose=False)
        except (torch.onnx.OnnxExporterError, RuntimeError, ValueError, TypeError, NotImplementedError) as error:
            raise ColonnadeError(f"{label}: PyTorch cannot export it: {cause(error)}") from error
    assert program is not None  # as dynamo is True
    return program


def cause(error: BaseException) -> str:
    """The first line that says something of what an error of the exporter came from."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return printable(lines[0]) if lines else type(error).__name__


@contextmanager
def quiet_exporter() -> Iterator[None]:
    """The exporter warns of torchvision, which is not needed, and of its own use of other libraries."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
