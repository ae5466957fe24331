"""ONNX files of trained networks."""

from __future__ import annotations

import copy
import os
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from colonnade.errors import ColonnadeError
from colonnade.files import check_writable
from colonnade.pytorch.export import quiet_exporter
from colonnade.sparse import save_model
from colonnade.train.mask import has_mask, take_mask_off


def export_onnx(model: nn.Module, example: Tensor, path: str | os.PathLike[str]) -> onnx.ModelProto:
    """Write `model`, in evaluation mode and with masked weights made plain, as an ONNX file, and return it.

    The input "input" has the shape of `example` [N, ...] with any N; the output is "logits". `model` stays as it is.
    ColonnadeError if PyTorch cannot export it or the file cannot be written.
    """
    path = Path(path)
    check_writable(path)
    plain = squashed_copy(model).cpu().eval()
    # In another layout a flatten becomes a copy by strides, which is not ONNX that others read.
    for parameter in plain.parameters():
        parameter.data = parameter.data.clone(memory_format=torch.contiguous_format)
    # Of a batch of 1 the exporter would conclude that N is always 1.
    images = example[:1].cpu().repeat(2, *(1 for _ in example.shape[1:]))
    with quiet_exporter():
        try:
            program = torch.onnx.export(
                plain,
                (images,),
                input_names=["input"],
                output_names=["logits"],
                dynamic_shapes=({0: "batch"},),
                dynamo=True,
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            raise ColonnadeError(f"{path}: PyTorch cannot export the model: {str(error).splitlines()[0]}") from error
    assert program is not None  # as dynamo is True
    save_model(program.model_proto, path)
    return program.model_proto


def squashed_copy(model: nn.Module) -> nn.Module:
    """A copy of `model` with plain weights instead of masked ones."""
    plain = copy.deepcopy(model)
    for module in list(plain.modules()):
        if has_mask(module):
            take_mask_off(module)
    return plain
