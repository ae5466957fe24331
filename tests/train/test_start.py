"""Going on from a pruned ONNX file: the network then is the file's, and its zeros stay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from digits import read_metrics, write_recipe
from networks import EXAMPLE, SmallNet, small_net
from torch import Tensor, nn

import colonnade
from colonnade.errors import ColonnadeError
from colonnade.sparse.convolutions import find_convolutions
from colonnade.train import ColumnPruner, export_onnx
from colonnade.train.finetune import finetune
from colonnade.train.start import start_from


def _images(count: int, seed: int) -> Tensor:
    return torch.randn(count, *EXAMPLE.shape[1:], generator=torch.Generator().manual_seed(seed))


class NormedNet(nn.Sequential):
    """Batch norm after a layer with and without bias, without parameters, and none after a layer without bias."""

    def __init__(self) -> None:
        super().__init__(
            *(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(8, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()),
            *(nn.Conv2d(16, 12, 3, padding=1), nn.BatchNorm2d(12, affine=False), nn.ReLU()),
            *(nn.Conv2d(12, 10, 1, bias=False), nn.ReLU()),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(10, 10)),
        )


def _normed_net(off: bool = False) -> NormedNet:
    """With statistics of some data and scales of either sign. off: the scale of one channel is 0."""
    torch.manual_seed(1)
    model = NormedNet()
    for _ in range(3):
        model(3 * torch.randn(16, *EXAMPLE.shape[1:]))
    norm = model[3]
    assert isinstance(norm, nn.BatchNorm2d)
    with torch.no_grad():
        norm.weight.normal_()
        if off:
            norm.weight[5] = 0
        norm.bias.normal_()
    return model.eval()


def _export(model: nn.Module, path: Path, folded: bool) -> colonnade.Model:
    if folded:
        export_onnx(model, EXAMPLE, path)
    else:
        kept = torch.onnx.TrainingMode.PRESERVE
        torch.onnx.export(model, (EXAMPLE,), path, dynamo=False, training=kept, do_constant_folding=False)
    return colonnade.load(path)


def _file_scores(path: Path, images: Tensor) -> np.ndarray:
    compiled = colonnade.compile(path, plan="default", input_size=8)
    session = colonnade.Session(compiled)
    (fed,), (asked,) = session.get_inputs(), session.get_outputs()
    return np.concatenate([session.run([asked.name], {fed.name: image[None].numpy()})[0] for image in images])


@pytest.mark.parametrize(
    ("make", "calibrated", "folded"),
    [(lambda: _normed_net(off=True), True, True), (_normed_net, True, False), (small_net, False, True)],
    ids=["calibrated, folded", "calibrated, batch norms are nodes", "by magnitude"],
)
def test_the_network_becomes_that_of_the_file(
    make: Callable[[], nn.Module], calibrated: bool, folded: bool, tmp_path: Path
) -> None:
    model = make().eval()
    dense = _export(model, tmp_path / "dense.onnx", folded)
    samples = _images(64, 2).numpy() if calibrated else None
    path = tmp_path / "pruned.onnx"
    colonnade.prune(dense, 0.5, calibrate=samples).save(path)
    images = _images(8, 3)
    before = model(images).detach().numpy()
    start_from(model, path, EXAMPLE)
    wanted = _file_scores(path, images)
    spread = np.ptp(wanted, axis=0).max()
    np.testing.assert_allclose(model(images).detach().numpy(), wanted, atol=1e-4 * spread, rtol=0)
    assert np.abs(before - wanted).max() > 0.01 * spread
    stored = [convolution.weights() for convolution in find_convolutions(colonnade.load(path).proto)]
    layers = [module.weight for module in model.modules() if isinstance(module, nn.Conv2d)]
    assert all(np.array_equal(own.detach() != 0, array != 0) for own, array in zip(layers, stored, strict=True))
    assert not all(array.all() for array in stored if array is not None)


def _pruned(folder: Path) -> Path:
    path = folder / "pruned.onnx"
    colonnade.prune(_export(small_net(), folder / "dense.onnx", folded=True), 0.5).save(path)
    return path


def test_zeros_stay_through_training_and_a_checkpoint(tmp_path: Path) -> None:
    def start() -> tuple[SmallNet, ColumnPruner]:
        model = small_net()
        start_from(model, _pruned(tmp_path), EXAMPLE)
        pruner = ColumnPruner(model, None)
        report = pruner.prepare(EXAMPLE)
        assert [layer.name for layer in report.pruned] == ["wide", "grouped", "point"]
        return model, pruner

    def train(model: nn.Module, pruner: ColumnPruner) -> None:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.01)
        for step in range(3):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(_images(8, step)), torch.arange(8)).backward()
            optimizer.step()
            pruner.step()

    model, pruner = start()
    zeros = {name: parameter == 0 for name, parameter in model.state_dict().items() if name.endswith("original")}
    train(model, pruner)
    other, other_pruner = start()
    other.load_state_dict(model.state_dict())
    other_pruner.load_state_dict(pruner.state_dict())
    train(other, other_pruner)
    other_pruner.squash()
    for name, zero in zeros.items():
        weights = other.get_submodule(name.split(".")[0]).weight
        assert isinstance(weights, Tensor)
        assert torch.equal(weights == 0, zero)
        assert 0.4 < zero.float().mean() < 0.6


def test_nothing_is_zero() -> None:
    with pytest.raises(ColonnadeError, match="nothing to prune: all 5 convolutions"):
        ColumnPruner(small_net(), None).prepare(EXAMPLE)


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    path = _pruned(tmp_path)
    with pytest.raises(ColonnadeError, match=r"weights of convolution 1 are \[12, 1, 3, 3\], but those of layer '0'"):
        start_from(NormedNet(), path, EXAMPLE)
    shorter = nn.Sequential(small_net().stem, nn.Flatten(), nn.Linear(768, 10))
    with pytest.raises(ColonnadeError, match="has 5 convolutions, but the network runs 1 modules"):
        start_from(shorter, path, EXAMPLE)
    with pytest.raises(ColonnadeError, match=r"pruned from other weights than model\.weights"):
        start_from(small_net(seed=1), path, _images(1, 0))


def test_a_recipe_that_starts_from_a_pruned_file(tmp_path: Path) -> None:
    dense = write_recipe(tmp_path, "dense", prune="", sparsity="", masks="", distill="", weight="", epochs="epochs = 6")
    trained = finetune(dense)
    assert trained is not None
    path = tmp_path / "pruned.onnx"
    colonnade.prune(colonnade.load(tmp_path / "dense" / "best.onnx"), 0.5).save(path)
    recipe = write_recipe(
        tmp_path,
        source='source = "network.py:digits_net"\nweights = "dense/best.pt"',
        sparsity='start = "pruned.onnx"',
        masks="",
        rate="rate = 0.05",
        weight="weight = 0.9",
    )
    outcome = finetune(recipe)
    assert outcome is not None
    assert outcome.dense_accuracy == trained.accuracy
    metrics = read_metrics(tmp_path / "out")
    assert metrics[0]["accuracy"] < outcome.accuracy
    assert outcome.accuracy > trained.accuracy - 0.05
    before, after = (
        [convolution.weights() for convolution in find_convolutions(colonnade.load(file).proto)]
        for file in (path, tmp_path / "out" / "best.onnx")
    )
    for old, new in zip(before, after, strict=True):
        assert old is not None
        assert new is not None
        assert np.array_equal(old != 0, new != 0)
