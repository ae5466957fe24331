"""Forecasts: one column per sparsity, the dense one always there."""

from __future__ import annotations

import numpy as np
import pytest

from colonnade.bench.forecast import forecast
from colonnade.bench.run import Options
from colonnade.bench.timing import _by_layer
from colonnade.errors import ColonnadeError


def test_steps_of_a_layer_are_summed_in_running_order() -> None:
    dense = [("stem", "conv", 1.0), ("a", "pack", 2.0), ("a", "conv", 3.0), ("b+c", "conv", 1.0)]
    sparse = [("stem", "conv", 1.5), ("a", "conv", 0.5)]
    layers = _by_layer([dense, sparse])
    assert [(layer.name, layer.op, layer.ms) for layer in layers[:2]] == [
        ("stem", "conv", (1.0, 1.5)),
        ("a", "pack", (5.0, 0.5)),
    ]
    merged = layers[2]
    assert merged.name == "b+c"
    np.testing.assert_array_equal(merged.ms, (1.0, np.nan))


def test_forecast_of_a_network() -> None:
    found = forecast("resnet18", Options(sparsities=(0.75,), input_size=64, plan="default", repeat=1))
    assert found.sparsities == (0.0, 0.75)
    times = found.times
    assert times.clock == "measured"
    assert all(ms > 0 for ms in times.total_ms)
    assert np.array([layer.ms for layer in times.layers]).sum(axis=0) == pytest.approx(times.total_ms)  # of one round
    names = [layer.name for layer in times.layers]
    assert "layer1.0.conv1" in names
    assert len(names) == len(set(names))


def test_bad_sparsity_fails_before_anything_is_compiled() -> None:
    told: list[str] = []
    with pytest.raises(ColonnadeError, match="sparsity"):
        forecast(
            "resnet18",
            Options(sparsities=(0.5, 1.5), input_size=32),
            tell=lambda what, done, total: told.append(what),
        )
    assert told == []
