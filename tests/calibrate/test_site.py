"""What follows a convolution, as far as it matters for pruning it."""

from __future__ import annotations

import numpy as np
from small_network import Builder, constants, residual_network

from colonnade.calibrate.site import Following, sites
from colonnade.graph.onnx_import import import_model


def following(net: Builder, name: str) -> Following:
    return sites(import_model(net.model(rank=4), batch=1))[f"{name}.out"].following


def test_a_residual_network() -> None:
    model = residual_network()
    found = {name: site.following for name, site in sites(import_model(model, batch=1)).items()}
    skips = {name.removesuffix(".out"): value.skip for name, value in found.items()}
    # The projection is made last, so it makes up for the other side of the addition.
    assert skips == {"stem": None, "first": None, "second": None, "down": "bn2.out", "grouped": None}
    assert {name.removesuffix(".out") for name, value in found.items() if not value.rectified} == {"second"}
    stored = constants(model)
    gain = stored["bn3.scale"] / np.sqrt(stored["bn3.var"] + 1e-5)
    assert np.allclose(found["down.out"].gain, gain, rtol=1e-5)
    assert np.allclose(found["down.out"].shift, stored["bn3.shift"] - gain * stored["bn3.mean"], atol=1e-5)


def test_a_value_read_twice_ends_it() -> None:
    net = Builder()
    y = net.conv("conv", "x", (3, 3, 1, 1))
    net.op("Add", "add", net.op("Relu", "relu", y), y)
    assert not following(net, "conv").rectified


def test_a_value_added_to_itself_is_no_skip() -> None:
    net = Builder()
    y = net.conv("conv", "x", (3, 3, 1, 1))
    net.op("Relu", "relu", net.op("Add", "add", y, y))
    assert following(net, "conv").skip is None
    assert not following(net, "conv").rectified


def test_the_input_may_be_the_skip() -> None:
    net = Builder()
    net.op("Clip", "clip", net.op("Add", "add", "x", net.conv("conv", "x", (3, 3, 1, 1))), *clip(net, 0, 6))
    assert (following(net, "conv").skip, following(net, "conv").rectified) == ("x", True)


def test_other_activations_do_not_rectify() -> None:
    net = Builder()
    net.op("Clip", "clip", net.conv("conv", "x", (3, 3, 1, 1)), *clip(net, -1, 1))
    net.op("Sigmoid", "sigmoid", net.conv("last", "clip.out", (3, 3, 1, 1)))
    assert not following(net, "conv").rectified
    assert not following(net, "last").rectified


def clip(net: Builder, low: float, high: float) -> tuple[str, str]:
    return net.constant("low", np.array(low)), net.constant("high", np.array(high))
