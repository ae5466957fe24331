"""Masks on an nn.Module: the package's rule, the package's choice of layers, the schedules, and what survives."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import EXAMPLE, PRUNED, SmallNet, small_net
from torch import nn
from torch.nn.utils import prune, spectral_norm
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from colonnade.errors import ColonnadeError
from colonnade.sparse import Pattern, convolution_mask
from colonnade.train import ColumnPruner, Gradual, OneShot, Schedule, StraightThrough


def _train(model: nn.Module, pruner: ColumnPruner, steps: int, first: int = 0) -> None:
    """So many steps of SGD on images that the number of each step gives."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=1e-2)
    for step in range(first, first + steps):
        torch.manual_seed(step)
        images, labels = torch.randn(16, *EXAMPLE.shape[1:]), torch.randint(10, (16,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
        pruner.step()


def _weights(model: nn.Module) -> dict[str, np.ndarray]:
    return {name: getattr(model, name).weight.detach().numpy() for name in PRUNED}


def _prepared(schedule: Schedule | None = None, sparsity: float = 0.75) -> tuple[SmallNet, ColumnPruner]:
    model = small_net()
    pruner = ColumnPruner(model, Pattern(sparsity), schedule)
    pruner.prepare(EXAMPLE)
    return model, pruner


@settings(max_examples=40, deadline=None)
@given(
    sparsity=st.decimals(0, "0.99", places=2).map(float),
    tile=st.integers(1, 13),
    group=st.none() | st.integers(1, 40),
    shape=st.tuples(st.integers(1, 9), st.integers(5, 9), st.integers(1, 2)),
    groups=st.integers(1, 2),
    levels=st.sampled_from([1, 3, 1000]),
)
def test_masks_are_those_of_the_numpy_rule(
    sparsity: float, tile: int, group: int | None, shape: tuple[int, int, int], groups: int, levels: int
) -> None:
    """Few levels make many columns equal, so that ties are broken alike too."""
    outputs, inputs, kernel = shape
    layer = nn.Conv2d(inputs * groups, outputs * groups, kernel, groups=groups)
    random = np.random.default_rng(outputs)
    weights = random.integers(-levels, levels + 1, layer.weight.shape).astype(np.float32)
    layer.weight = nn.Parameter(torch.from_numpy(weights.copy()))
    model = nn.Sequential(nn.Conv2d(1, inputs * groups, 1), layer)
    pattern = Pattern(sparsity, tile, group)
    pruner = ColumnPruner(model, pattern)
    pruner.prepare(torch.zeros(1, 1, 4, 4))
    mask = convolution_mask(weights, groups, pattern)
    assert np.array_equal(layer.parametrizations.weight[0].kept.numpy(), mask)
    pruner.squash()
    assert layer.weight.detach().numpy().tobytes() == np.where(mask, weights, np.float32(0)).tobytes()


def test_the_layers_of_the_package_rule_stay_dense() -> None:
    pruner = ColumnPruner(small_net(), Pattern(0.5), skip=("wi*",))
    reasons = {layer.name: layer.reason for layer in pruner.prepare(EXAMPLE).layers}
    assert reasons == {
        "stem": "stem: reads the model's input",
        "wide": "named in skip",
        "grouped": None,
        "depthwise": "depthwise",
        "point": None,
    }


def test_a_stem_of_many_channels_behind_identity_stays_dense() -> None:
    model = nn.Sequential(nn.Identity(), nn.Dropout(), nn.Conv2d(8, 8, 3), nn.Conv2d(8, 8, 1)).train()
    model[1].eval()
    report = ColumnPruner(model, Pattern(0.5)).prepare(torch.randn(2, 8, 8, 8))
    assert [layer.reason for layer in report.layers] == ["stem: reads the model's input", None]
    assert (model.training, model[1].training) == (True, False)
    assert not model[2]._forward_pre_hooks


def test_one_layer_may_have_its_own_pattern() -> None:
    model = small_net()
    pruner = ColumnPruner(model, Pattern(0.5), layers={"point": Pattern(0.75, tile=4)})
    report = {layer.name: layer for layer in pruner.prepare(EXAMPLE).pruned}
    assert (report["point"].tile, report["point"].kept_columns) == (4, 5)
    assert (report["wide"].tile, report["wide"].kept_columns) == (8, 54)


def test_layers_that_share_weights_share_a_mask_and_stay_tied() -> None:
    model = nn.Sequential(nn.Conv2d(1, 8, 1), nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1))
    model[2].weight = model[1].weight
    pruner = ColumnPruner(model, Pattern(0.5))
    pruner.prepare(torch.zeros(1, 1, 4, 4))
    assert model[1].parametrizations.weight.original is model[2].parametrizations.weight.original
    pruner.squash()
    assert model[1].weight is model[2].weight
    assert torch.count_nonzero(model[1].weight) == 32


def test_dropped_weights_stay_zero_while_the_others_train() -> None:
    model, pruner = _prepared()
    before = _weights(model)
    _train(model, pruner, 4)
    for name, weights in _weights(model).items():
        assert np.array_equal(weights != 0, before[name] != 0)
        assert not np.array_equal(weights, before[name])


def test_squash_leaves_ordinary_weights_and_the_same_function() -> None:
    model, pruner = _prepared()
    images = torch.randn(4, *EXAMPLE.shape[1:])
    before = model.eval()(images)
    pruner.squash()
    assert model.state_dict().keys() == small_net().state_dict().keys()
    assert type(model.wide) is nn.Conv2d
    assert torch.equal(model(images), before)
    with pytest.raises(ColonnadeError, match="not prepared"):
        pruner.step()


@given(steps=st.integers(1, 50), begin=st.integers(0, 20), every=st.integers(1, 12))
def test_gradual_grows_from_zero_to_the_final_sparsity(steps: int, begin: int, every: int) -> None:
    schedule = Gradual(steps, begin, every)
    chosen = [(step, schedule.sparsity(step, 0.75)) for step in range(begin + steps + 20)]
    values = [value for _, value in chosen if value is not None]
    assert values == sorted(values)
    assert chosen[begin][1] == 0
    assert (values[-1], chosen[begin + steps][1]) == (0.75, 0.75)
    half = schedule.sparsity(begin + steps // 2, 0.75)
    if half is not None:
        assert half == pytest.approx(float(Fraction(3, 4) * (1 - (1 - Fraction(steps // 2, steps)) ** 3)))


def test_what_gradual_drops_never_returns() -> None:
    model, pruner = _prepared(Gradual(steps=6, every=2))
    dropped: dict[str, np.ndarray] = {name: weights == 0 for name, weights in _weights(model).items()}
    assert not any(mask.any() for mask in dropped.values())
    shares = []
    for step in range(8):
        _train(model, pruner, 1, step)
        zeros = {name: weights == 0 for name, weights in _weights(model).items()}
        assert all((zeros[name] >= dropped[name]).all() for name in PRUNED)
        dropped = zeros
        shares.append(pruner.report().pruned[0].achieved)
    assert shares[-1] == pytest.approx(0.75)
    assert len(set(shares)) == 4


def test_straight_through_passes_gradients_and_chooses_anew() -> None:
    model, pruner = _prepared(StraightThrough(every=2, until=4))
    before = {name: weights != 0 for name, weights in _weights(model).items()}
    model(torch.randn(8, *EXAMPLE.shape[1:])).square().sum().backward()
    gradient = model.wide.parametrizations.weight.original.grad
    assert torch.count_nonzero(gradient) == gradient.numel()
    original = model.wide.parametrizations.weight.original
    with torch.no_grad():
        original.copy_(original.flip(1))
    pruner.step()
    assert np.array_equal(_weights(model)["wide"] != 0, before["wide"])
    pruner.step()
    expected = convolution_mask(original.detach().numpy(), 1, Pattern(0.75))
    assert np.array_equal(_weights(model)["wide"] != 0, expected)
    assert not np.array_equal(expected, before["wide"])


def test_other_schedules_pass_no_gradient_to_dropped_weights() -> None:
    model, _ = _prepared(OneShot())
    model(torch.randn(8, *EXAMPLE.shape[1:])).square().sum().backward()
    kept = _weights(model)["wide"] != 0
    gradient = model.wide.parametrizations.weight.original.grad.numpy()
    assert np.array_equal(gradient != 0, kept)


def _saved(model: nn.Module, pruner: ColumnPruner) -> dict[str, Any]:
    """Both states by way of a file, as plain data."""
    buffer = io.BytesIO()
    torch.save({"model": model.state_dict(), "pruner": pruner.state_dict()}, buffer)
    buffer.seek(0)
    state: dict[str, Any] = torch.load(buffer, weights_only=True)
    return state


@pytest.mark.parametrize(
    "schedule", [OneShot(), Gradual(7, every=2), StraightThrough(3)], ids=lambda s: type(s).__name__
)
def test_a_resumed_run_ends_as_the_whole_one(schedule: Schedule) -> None:
    model, pruner = _prepared(schedule)
    _train(model, pruner, 4)
    state = _saved(model, pruner)
    _train(model, pruner, 5, first=4)

    other, resumed = _prepared(schedule)
    other.load_state_dict(state["model"])
    resumed.load_state_dict(state["pruner"])
    _train(other, resumed, 5, first=4)
    for name, weights in _weights(model).items():
        assert weights.tobytes() == _weights(other)[name].tobytes()


def test_a_state_of_another_request_is_refused() -> None:
    _, pruner = _prepared(Gradual(5))
    with pytest.raises(ColonnadeError, match="start anew"):
        pruner.load_state_dict(_prepared(OneShot())[1].state_dict())


def test_a_masked_copy_outlives_the_squashing_of_its_original() -> None:
    model, pruner = _prepared()
    twin = copy.deepcopy(model)
    images = torch.randn(2, *EXAMPLE.shape[1:])
    before = twin.eval()(images)
    pruner.squash()
    assert torch.equal(model.eval()(images), before)
    assert torch.equal(twin(images), before)
    assert type(twin.wide) is not nn.Conv2d


def test_the_optimiser_goes_on_with_squashed_weights() -> None:
    model, pruner = _prepared()
    behind = model.wide.parametrizations.weight.original
    pruner.squash()
    assert model.wide.weight is behind


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        (nn.Sequential(nn.Conv2d(1, 8, 3)), {}, "nothing to prune: all 1 convolutions"),
        (nn.Sequential(nn.Flatten()), {}, "nothing to prune: all 0 convolutions"),
        (small_net(), {"skip": ["wied"]}, "'wied'; the nearest are wide"),
        (small_net(), {"layers": {"stem": Pattern(0.5)}}, "'stem' is no layer that is pruned"),
    ],
)
def test_what_cannot_be_pruned(model: nn.Module, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ColonnadeError, match=message):
        ColumnPruner(model, Pattern(0.5), **arguments).prepare(EXAMPLE)


def test_weights_that_are_not_finite_are_refused() -> None:
    model = small_net()
    with torch.no_grad():
        model.point.weight[0, 0] = torch.nan
    with pytest.raises(ColonnadeError, match="'point': weights hold NaN"):
        ColumnPruner(model, Pattern(0.5)).prepare(EXAMPLE)


def test_a_model_is_prepared_once() -> None:
    model, pruner = _prepared()
    with pytest.raises(ColonnadeError, match="prepared already"):
        pruner.prepare(EXAMPLE)
    with pytest.raises(ColonnadeError, match="parametrized already"):
        ColumnPruner(model, Pattern(0.5)).prepare(EXAMPLE)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Gradual(0), "steps is 0"),
        (lambda: Gradual(1, begin=-1), "begin is -1"),
        (lambda: StraightThrough(0), "every is 0"),
        (lambda: StraightThrough(1, until=0), "until is 0"),
    ],
)
def test_schedules_check_their_numbers(make: Any, message: str) -> None:
    with pytest.raises(ColonnadeError, match=message):
        make()


@pytest.mark.parametrize("schedule", [OneShot(), Gradual(steps=4), StraightThrough()], ids=lambda s: type(s).__name__)
def test_a_moving_average_of_buffers_follows_the_mask(schedule: Schedule) -> None:
    """Averages of booleans would stay true for ever."""
    model = small_net()
    pruner = ColumnPruner(model, Pattern(0.75), schedule)
    pruner.prepare(EXAMPLE)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.5), use_buffers=True)
    for _ in range(20):
        pruner.step()
        average.update_parameters(model)
    masks = [{name: mask > 0.5 for name, mask in m.named_buffers() if "mask" in name} for m in (model, average.module)]
    assert masks[0]
    assert all(torch.equal(masks[0][name], masks[1][name]) for name in masks[0])


@pytest.mark.parametrize("hook", [lambda layer: prune.l1_unstructured(layer, "weight", 0.5), spectral_norm])
def test_a_weight_that_a_hook_computes_is_refused_by_name(hook: Callable[[nn.Module], object]) -> None:
    model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.Conv2d(16, 16, 3), nn.Conv2d(16, 16, 3))
    hook(model[2])
    with pytest.raises(ColonnadeError, match="layer '2': a hook computes its weight"):
        ColumnPruner(model, Pattern(0.5)).prepare(torch.zeros(1, 3, 12, 12))
    assert not nn.utils.parametrize.is_parametrized(model[1])
