"""Recipes: what is read, and the one line for each mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from digits import write_recipe
from torch import nn

from colonnade.errors import ColonnadeError
from colonnade.train.optimizer import learning_rate, make_optimizer
from colonnade.train.recipe import TrainSection, read_recipe
from colonnade.train.schedule import Gradual


def test_a_recipe_is_read(tmp_path: Path) -> None:
    recipe = read_recipe(write_recipe(tmp_path))
    assert recipe.prune is not None
    assert recipe.prune.masks.schedule() == Gradual(steps=40, every=5)
    assert (recipe.prune.pattern().sparsity, recipe.prune.pattern().tile) == (0.75, 8)
    assert (recipe.train.epochs, recipe.data.shift, recipe.output) == (3, 1, Path("out"))


@pytest.mark.parametrize(
    ("word", "line", "message"),
    [
        ("epochs", "epohcs = 3", "unknown key 'train.epohcs'; the nearest is 'epochs'"),
        ("sparsity", "sparsty = 0.5", "unknown key 'prune.sparsty'; the nearest is 'sparsity'"),
        ("distill", "[distil]", "unknown key 'distil'; the nearest is 'distill'"),
        ("masks", "masks = {knd = 1}", "unknown key 'prune.masks.knd'; the nearest is 'kind'"),
        ("epochs", "", "'train.epochs' is missing"),
        ("sparsity", "sparsity = 1.5", "'prune.sparsity' is 1.5: input should be less than 1"),
        ("kind", 'kind = "cifar"', "'data.kind' is 'cifar': input should be 'fashion-mnist', 'digits' or 'folder'"),
        ("masks", 'masks = {kind = "gradual"}', "prune.masks: gradual needs 'steps'"),
        ("masks", 'masks = {kind = "one-shot", steps = 5}', "prune.masks: one-shot has no 'steps'"),
        ("masks", 'masks = {kind = "gradual", steps = 0}', "prune.masks: gradual: steps is 0"),
        ("sparsity", "", "prune: 'sparsity' is missing, or 'start'"),
        ("sparsity", 'sparsity = 0.5\nstart = "x.onnx"', "prune: 'masks' is what the file of 'start' has"),
        ("seed", "seed = ", "cannot be read as TOML"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, word: str, line: str, message: str) -> None:
    path = write_recipe(tmp_path, **{word: line})
    with pytest.raises(ColonnadeError) as caught:
        read_recipe(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_missing_recipe(tmp_path: Path) -> None:
    with pytest.raises(ColonnadeError, match="there is no such recipe"):
        read_recipe(tmp_path / "recipe.toml")


def test_learning_rates() -> None:
    cosine = TrainSection(epochs=10, rate=1.0, warmup=0.1)
    rates = [learning_rate(cosine, step, 10) for step in range(100)]
    assert rates[:11] == pytest.approx([*(step / 10 for step in range(1, 11)), 1.0])
    assert rates[55] == pytest.approx(0.5)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[-1] < 0.001
    steps = TrainSection(epochs=9, rate=1.0, decay="step", decay_epochs=3)
    assert [learning_rate(steps, epoch * 10 + 9, 10) for epoch in range(9)] == pytest.approx(
        [1] * 3 + [0.1] * 3 + [0.01] * 3
    )
    constant = TrainSection(epochs=1, rate=0.3, decay="constant")
    assert learning_rate(constant, 7, 10) == 0.3


def test_optimisers() -> None:
    layer = nn.Linear(2, 2)
    adam = make_optimizer(layer, TrainSection(epochs=1, optimizer="adamw", rate=1e-4, weight_decay=0.01))
    assert (type(adam).__name__, adam.defaults["lr"], adam.defaults["weight_decay"]) == ("AdamW", 1e-4, 0.01)
    sgd = make_optimizer(layer, TrainSection(epochs=1, momentum=0))
    assert (type(sgd).__name__, sgd.defaults["nesterov"], sgd.defaults["momentum"]) == ("SGD", False, 0)
