"""The distillation loss against its formula, and what it reaches."""

from __future__ import annotations

import pytest
import torch
from networks import EXAMPLE, small_net
from torch import nn

from colonnade.errors import ColonnadeError
from colonnade.sparse import Pattern
from colonnade.train import ColumnPruner, Distillation, Distiller

IMAGES = torch.randn(6, *EXAMPLE.shape[1:], generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(6)


@pytest.mark.parametrize(("weight", "temperature"), [(0.0, 1.0), (0.3, 4.0), (1.0, 2.0)])
def test_the_loss_is_that_of_the_formula(weight: float, temperature: float) -> None:
    teacher, student = small_net(0).eval(), small_net(1).eval()
    distiller = Distiller(teacher, Distillation(weight, temperature))
    logits = student(IMAGES)
    wanted = (teacher(IMAGES) / temperature).softmax(1)
    divergence = (wanted * (wanted.log() - (logits / temperature).log_softmax(1))).sum() / len(IMAGES)
    expected = (1 - weight) * nn.functional.cross_entropy(logits, LABELS) + weight * temperature**2 * divergence
    torch.testing.assert_close(distiller.loss(IMAGES, logits, LABELS), expected)


def test_a_model_that_is_not_changed_has_nothing_to_learn_from_itself() -> None:
    model = small_net().eval()
    distiller = Distiller(model, Distillation(weight=1, features=("wide", "point")))
    assert distiller.loss(IMAGES, model(IMAGES), LABELS).item() == pytest.approx(0, abs=1e-6)


def test_features_add_their_relative_distance() -> None:
    model = small_net().eval()
    without = Distiller(model, Distillation())
    with_features = Distiller(model, Distillation(features=("point", "wide"), feature_weight=3))
    maps: dict[str, list[torch.Tensor]] = {"point": [], "wide": []}
    for name, outputs in maps.items():
        getattr(model, name).register_forward_hook(lambda module, inputs, output, into=outputs: into.append(output))
    model(IMAGES)
    ColumnPruner(model, Pattern(0.5)).prepare(EXAMPLE)
    logits = model(IMAGES)
    distances = [(own - dense).square().mean() / dense.square().mean() for dense, *_, own in maps.values()]
    expected = without.loss(IMAGES, logits, LABELS) + 3 * torch.stack(distances).mean()
    torch.testing.assert_close(with_features.loss(IMAGES, logits, LABELS), expected)


def test_only_the_student_learns() -> None:
    """In training mode: the teacher's batch norm must not move either."""
    model = small_net().train()
    distiller = Distiller(model, Distillation(weight=1, features=("wide",)))
    before = distiller.loss(IMAGES, model(IMAGES), LABELS)
    model.zero_grad()
    distiller.loss(IMAGES, model(IMAGES), LABELS).backward()
    assert all(parameter.grad is not None for name, parameter in model.named_parameters() if name.startswith("wide"))
    torch.testing.assert_close(distiller.loss(IMAGES, model(IMAGES), LABELS), before)


def test_names_and_numbers_are_checked() -> None:
    with pytest.raises(ColonnadeError, match="'wied'; the nearest are wide"):
        Distiller(small_net(), Distillation(features=("wied",)))
    for arguments, message in (
        ({"weight": 1.5}, "weight is 1.5"),
        ({"temperature": 0}, "temperature is 0"),
        ({"feature_weight": -1}, "feature_weight is -1"),
    ):
        with pytest.raises(ColonnadeError, match=message):
            Distillation(**arguments)
