"""The recipes of examples/ can be read, and name networks and weights that fit."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_datasets import write_pictures

import colonnade
from colonnade.train import ColumnPruner
from colonnade.train.finetune import finetune
from colonnade.train.recipe import ModelSection, read_recipe
from colonnade.train.source import build_model
from colonnade.train.start import start_from
from colonnade.zoo import trained

EXAMPLES = Path(__file__).parents[2] / "examples"
RECIPES = sorted(EXAMPLES.glob("*/*.toml"))
PICTURE_NETWORK = """
from torch import nn
def net(weights):
    assert weights == "IMAGENET1K_V1"
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))
"""


def test_there_are_recipes() -> None:
    assert {"resnet-50", "resnet-75", "resnet-87", "mobilenet-1.5x", "imagenet"} <= {path.stem for path in RECIPES}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipes_are_read(path: Path) -> None:
    recipe = read_recipe(path)
    assert recipe.output == Path("runs") / recipe.output.name


@pytest.mark.parametrize(
    "path", [path for path in RECIPES if path.parent.name == "fashion_mnist"], ids=lambda path: path.stem
)
def test_networks_and_weights_fit(path: Path, tmp_path: Path) -> None:
    """With what `prune` makes of the zoo's network in place of the file that the recipe starts from."""
    recipe = read_recipe(path)
    sparsity = {"50": 0.5, "75": 0.75, "87": 0.875, "1.5x": 0.5}[path.stem.split("-")[1]]
    model, example = build_model(recipe.model, path.parent), torch.zeros(1, 1, 28, 28)
    network = colonnade.Model(trained(recipe.model.source.partition(":")[2]), "net")
    colonnade.prune(network, sparsity).save(tmp_path / "pruned.onnx")
    start_from(model, tmp_path / "pruned.onnx", example)
    report = ColumnPruner(model, None).prepare(example)
    dense = [layer.reason for layer in report.layers if layer.reason and layer.reason != "depthwise"]
    assert dense == ["stem: reads the model's input"]
    zeros = sum(layer.achieved * layer.size for layer in report.pruned) / sum(layer.size for layer in report.pruned)
    assert zeros == pytest.approx(sparsity, abs=0.01)


def test_the_imagenet_recipe_on_generated_pictures(tmp_path: Path) -> None:
    """The recipe itself, with a smaller network, smaller pictures and fewer epochs."""
    write_pictures(tmp_path / "imagenet", count=16)
    (tmp_path / "network.py").write_text(PICTURE_NETWORK)
    text = (EXAMPLES / "imagefolder" / "imagenet.toml").read_text()
    for old, new in (
        ('"torchvision.models:resnet18"', '"network.py:net"'),
        ("size = 224", "size = 16"),
        ("workers = 8", "workers = 0"),
        ("epochs = 200", "epochs = 12"),
        ("rate = 1e-4", "rate = 1e-2"),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    (tmp_path / "imagenet.toml").write_text(text)
    settings: dict[str, Any] = tomllib.loads(text)
    outcome = finetune(tmp_path / "imagenet.toml")
    assert outcome is not None
    assert outcome.folder == tmp_path / settings["output"]
    assert outcome.accuracy > 0.8


@pytest.mark.parametrize("name", ["resnet", "mobilenet"])
def test_the_zoo_has_the_trained_weights(name: str, tmp_path: Path) -> None:
    """The ONNX file in the package answers as the example's network and weights do."""
    section = ModelSection(source=f"networks.py:fashion_{name}", weights=Path(f"{name}.pt"))
    model = build_model(section, EXAMPLES / "fashion_mnist").eval()
    images = torch.randn(3, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    model_file = colonnade.compile(colonnade.Model(trained(f"fashion_{name}"), "net"), plan="default", batch=3)
    model_file.save(tmp_path / "net")
    (logits,) = colonnade.Session(tmp_path / "net").run(["logits"], {"input": images.numpy()})
    np.testing.assert_allclose(logits, model(images).detach().numpy(), rtol=1e-4, atol=1e-4)
