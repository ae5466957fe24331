"""Goals met on a network that reads digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from digit_networks import Digits, answers
from onnx import numpy_helper

import colonnade as package
from colonnade.bench import modelled_report
from colonnade.bench.run import Options
from colonnade.bench.timing import LayerTimes, Times
from colonnade.budget import tables
from colonnade.budget.allocation import Allocation, allocate
from colonnade.budget.goal import Goal
from colonnade.budget.sensitivity import relative_error
from colonnade.budget.tables import Tables, layer_times, measure
from colonnade.calibrate.settings import Calibration
from colonnade.data import open_dataset
from colonnade.errors import ColonnadeError
from colonnade.sparse.pattern import Level

LEVELS = (0.5, 0.75)
QUICK = Calibration(positions=500)


def _allocate(digits: Digits, goal: Goal, **changes: object) -> Allocation:
    options = Options(sparsities=LEVELS, repeat=3, plan="default", input_size=8, **changes)
    return allocate(str(digits.deep), open_dataset(digits.data).sample(48), goal, options, QUICK)


def _zeros(model: onnx.ModelProto) -> dict[str, float]:
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    return {name: float((array == 0).mean()) for name, array in arrays.items() if name.startswith("kernel")}


def test_sparsity_is_reached_and_costs_less_than_the_same_everywhere(digits: Digits, tmp_path: Path) -> None:
    found = _allocate(digits, Goal(sparsity=0.6))
    assert set(found.levels) == {"conv1", "conv2"}
    zeros, sizes = _zeros(found.model.proto), {"kernel1": 16 * 8, "kernel2": 24 * 16}
    share = sum(zeros[name] * size for name, size in sizes.items()) / sum(sizes.values())
    assert share == pytest.approx(1 - found.cost, abs=1e-3)
    assert share >= 0.6
    assert zeros["kernel0"] == 0
    assert zeros["kernel1"] == pytest.approx(found.levels["conv1"].sparsity, abs=0.01)
    chosen = digits.x[open_dataset(digits.data).sample(48).indices]
    dense = answers(digits.deep, chosen)
    errors = []
    for model in (found.model, package.prune(package.load(digits.deep), 0.75, calibrate=chosen, settings=QUICK)):
        model.save(tmp_path / "pruned.onnx")
        errors.append(relative_error(answers(tmp_path / "pruned.onnx", chosen), dense))
    assert found.error == pytest.approx(errors[0], rel=1e-3)
    assert errors[0] < errors[1]
    assert found.outcome is None


def test_the_rest_of_the_network_counts() -> None:
    """10 ms of which 3 are no layer's: twice as fast means that layers of 7 ms have 2 left."""
    cost, error = np.array([[4.0, 2.0, 1.0], [3.0, 2.5, 1.0]]), np.array([[0.0, 1.0, 4.0], [0.0, 1.0, 2.0]])
    known = Tables(("a", "b"), (Level(0), Level(0.5), Level(0.75)), cost, 3.0, error)
    assert known.dense_cost == 10
    found = known.curve.within(Goal(speedup=2).limit(known.dense_cost))
    assert found is not None
    assert (found.cost, found.loss, found.options[1:]) == (5, 6, (2, 2))
    found = known.curve.within(Goal(latency=6.5).limit(known.dense_cost))
    assert found is not None
    assert (found.cost, found.loss, found.options[1:]) == (6, 3, (1, 2))
    assert known.curve.within(Goal(speedup=2.1).limit(known.dense_cost)) is None


def test_tiles_to_choose_from(digits: Digits) -> None:
    """Each sparsity in each tile, and smaller tiles lose less."""
    model, options = package.load(digits.deep), Options(sparsities=LEVELS, repeat=3, plan="default", input_size=8)
    images = digits.x[:48]
    found = measure(model, images, Goal(latency=1e6), options, QUICK, lambda *_: None, tiles=(8, 2))
    assert found.levels == (Level(0), Level(0.5, 2), Level(0.5, 8), Level(0.75, 2), Level(0.75, 8))
    assert found.cost.shape == found.error.shape == (2, 5)
    assert (found.cost > 0).all()
    for small, large in ((1, 2), (3, 4)):
        assert found.error[:, small].sum() < found.error[:, large].sum()
    with pytest.raises(ColonnadeError, match="smaller tiles always lose less"):
        measure(model, images, Goal(sparsity=0.5), options, QUICK, lambda *_: None, tiles=(8, 2))


def test_the_tile_that_pays_is_chosen(digits: Digits, monkeypatch: pytest.MonkeyPatch) -> None:
    """Times are given: conv1 is faster in tiles of 8, conv2 gains nothing by them."""
    layers = (LayerTimes("conv1", "Conv", (4.0, 3.9, 1.0)), LayerTimes("conv2", "Conv", (4.0, 1.0, 1.0)))
    times = Times(layers, (8.0, 4.9, 2.0), "measured")
    monkeypatch.setattr(tables, "time_variants", lambda *_, **__: times)
    options = Options(sparsities=(0.5,), repeat=3, plan="default", input_size=8)
    images = open_dataset(digits.data).sample(48)
    found = allocate(str(digits.deep), images, Goal(latency=2), options, QUICK, tiles=(4, 8))
    assert found.levels == {"conv1": Level(0.5, 8), "conv2": Level(0.5, 4)}
    assert found.model.report is not None
    assert [layer.tile for layer in found.model.report.pruned] == [8, 4]


def test_layers_add_up_to_whole_runs_and_noise_is_no_gain() -> None:
    each, whole = np.array([[4.0, 2.0], [3.0, 2.9], [3.0, 3.0]]), np.array([12.0, 7.9])
    found = layer_times(each, whole)
    assert found[:, 0].sum() == pytest.approx(12)
    assert found == pytest.approx(np.array([[4.8, 2.0], [3.6, 3.6], [3.6, 3.6]]))


def test_a_goal_that_dense_meets_prunes_nothing(digits: Digits) -> None:
    found = _allocate(digits, Goal(latency=1e6))
    assert set(found.levels.values()) == {Level(0)}
    assert found.model.proto == package.load(digits.deep).proto
    assert found.error == found.predicted == 0
    assert found.outcome is not None
    assert found.cost == pytest.approx(found.tables.dense_cost)


def test_goals_out_of_reach_say_what_is_in_reach(digits: Digits) -> None:
    with pytest.raises(
        ColonnadeError, match=r"sparsity 0\.99 is out of reach; .* up to 0\.75 it has 7\d\.\d% zeros at most"
    ):
        _allocate(digits, Goal(sparsity=0.99))
    with pytest.raises(
        ColonnadeError, match=r"speedup 1000x is out of reach; .* it takes \d+\.\d+ ms at least, \d+\.\d+x"
    ):
        _allocate(digits, Goal(speedup=1000))


def test_what_is_out_of_reach_is_known_before_images_are_run(digits: Digits) -> None:
    options, told = Options(sparsities=LEVELS, repeat=3, plan="default", input_size=8), []
    with pytest.raises(ColonnadeError, match="out of reach"):
        allocate(
            str(digits.deep),
            open_dataset(digits.data).sample(48),
            Goal(speedup=1000),
            options,
            QUICK,
            tell=lambda what, done, total: told.append(what),
        )
    assert any(what.startswith("time") for what in told)
    assert not any(what.startswith("prune") for what in told)


def test_layers_that_are_skipped_are_not_considered(digits: Digits) -> None:
    with pytest.raises(ColonnadeError, match=r"75\.0% zeros at most"):
        _allocate(digits, Goal(sparsity=0.9), skip=("conv1",))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "there are 0"),
        ({"latency": 5.0, "speedup": 2.0}, "there are 2"),
        ({"latency": 0.0}, "latency 0 ms: out of range"),
        ({"speedup": np.inf}, "speedup infx: out of range"),
        ({"sparsity": 1.0}, "sparsity 1: out of range"),
    ],
)
def test_goals_that_are_none(values: dict[str, float], words: str) -> None:
    with pytest.raises(ColonnadeError, match=words):
        Goal(**values)


def test_modelled_times_of_another_core(digits: Digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a simulated core layers add up to the whole, so that what is predicted comes out, but for borders: here the
    pruned layer wants them around its input, which its neighbour then has to write."""
    monkeypatch.setattr(modelled_report, "default_cache_dir", lambda *_: tmp_path)
    found = _allocate(digits, Goal(speedup=1.05), target="spacemit-x60", runner="spike", tile=15)
    assert found.outcome is not None
    assert found.outcome.clock == "modelled"
    assert found.outcome.dense == pytest.approx(found.tables.dense_cost)
    assert found.outcome.pruned == pytest.approx(found.cost, rel=0.03)
    assert found.outcome.dense >= 1.05 * found.outcome.pruned
    assert any(level != Level(0) for level in found.levels.values())
