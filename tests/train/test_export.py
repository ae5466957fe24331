"""From a trained module to a compiled model: the same zeros, the same tiles, the same answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from networks import EXAMPLE, PRUNED, small_net
from onnx import numpy_helper
from torch import nn

import colonnade
from colonnade.errors import ColonnadeError
from colonnade.sparse import Pattern, recover_tiles
from colonnade.sparse.convolutions import find_convolutions
from colonnade.train import ColumnPruner, export_onnx
from colonnade.train.mask import has_mask


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, Path]:
    """A masked network, still parametrized, and its ONNX file."""
    model = small_net()
    model(torch.randn(64, *EXAMPLE.shape[1:]))  # batch norm that is more than the identity
    ColumnPruner(model, Pattern(0.75)).prepare(EXAMPLE)
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    export_onnx(model.train(), EXAMPLE, path)
    assert model.training
    assert has_mask(model.wide)
    return model.eval(), path


def test_zeros_and_tiles_are_those_of_the_masks(exported: tuple[nn.Module, Path]) -> None:
    model, path = exported
    found = {convolution.name: convolution for convolution in find_convolutions(onnx.load(path))}
    pruned = [c for c in found.values() if (weights := c.weights()) is not None and not weights.all()]
    assert len(pruned) == len(PRUNED)
    for convolution, name in zip(pruned, PRUNED, strict=True):
        weights, masked = convolution.weights(), getattr(model, name).weight.detach().numpy()
        assert weights is not None
        assert np.array_equal(weights != 0, masked != 0)
        rows = len(weights) // convolution.groups
        for part, original in zip(
            weights.reshape(convolution.groups, rows, -1), masked.reshape(convolution.groups, rows, -1), strict=True
        ):
            assert _tiles(part) == _tiles(original)


def _tiles(weights: np.ndarray) -> list[tuple[list[int], list[int]]]:
    return [(list(tile.rows), list(tile.columns)) for tile in recover_tiles(weights, 8)]


@pytest.mark.parametrize("channels", [1, 4])  # a kernel of one channel is contiguous in either layout
def test_the_layout_in_memory_does_not_matter(channels: int, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(channels, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))
    operators = []
    for layout in (torch.contiguous_format, torch.channels_last):
        proto = export_onnx(model.to(memory_format=layout), torch.zeros(1, channels, 8, 8), tmp_path / "model.onnx")
        operators.append([node.op_type for node in proto.graph.node])
    assert operators[0] == operators[1]
    assert model[0].weight.is_contiguous(memory_format=torch.channels_last)


def test_the_compiled_model_answers_as_pytorch_does(exported: tuple[nn.Module, Path], tmp_path: Path) -> None:
    model, path = exported
    images = torch.randn(3, *EXAMPLE.shape[1:])
    colonnade.compile(path, plan="default", batch=3).save(tmp_path / "model.colonnade")
    (logits,) = colonnade.Session(tmp_path / "model.colonnade").run(["logits"], {"input": images.numpy()})
    np.testing.assert_allclose(logits, model(images).detach().numpy(), atol=1e-5)


def test_names_and_free_batch(exported: tuple[nn.Module, Path]) -> None:
    graph = onnx.load(exported[1]).graph
    assert ([entry.name for entry in graph.input], [entry.name for entry in graph.output]) == (["input"], ["logits"])
    assert graph.input[0].type.tensor_type.shape.dim[0].dim_param
    assert any(np.array_equal(numpy_helper.to_array(t), exported[0].point.weight.detach()) for t in graph.initializer)


def test_a_model_that_cannot_be_exported(tmp_path: Path) -> None:
    class Branch(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum() > 0 else -x

    with pytest.raises(ColonnadeError, match="PyTorch cannot export the model"):
        export_onnx(Branch(), EXAMPLE, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())
