"""ONNX files of trained networks."""

from __future__ import annotations

import copy
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from colonnade.errors import ColonnadeError
from colonnade.files import check_writable
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
    with _quiet():
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


@contextmanager
def _quiet() -> Iterator[None]:
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
