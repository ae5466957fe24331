"""`colonnade prune --calibrate`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from commands import Command, Outcome, assert_mistake
from small_network import constants, images, residual_network


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "small.onnx"
    onnx.save(residual_network(), path)
    return path


def _prune(colonnade: Command, model: Path, *options: object) -> Outcome:
    return colonnade("prune", model, "--sparsity", 0.5, "-o", model.with_name("out.onnx"), *options)


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    path = tmp_path / "images.npy"
    np.save(path, images(40))
    return path


def test_prune_by_images(model: Path, samples: Path, colonnade: Command) -> None:
    options = ("--samples", 30, "--method", "activation", "--seed", 3)
    done = _prune(colonnade, model, "--calibrate", samples, *options)
    assert (done.code, done.err) == (0, "")
    assert "4 of 5 convolutions pruned" in done.out
    pruned = onnx.load(model.with_name("out.onnx"))
    asked = json.loads({entry.key: entry.value for entry in pruned.metadata_props}["colonnade.prune"])
    assert (asked["calibration"]["method"], asked["calibration"]["seed"]) == ("activation", 3)
    assert (constants(pruned)["second.w"] == 0).mean() == pytest.approx(0.5)
    assert sorted(path.name for path in model.parent.iterdir()) == ["images.npy", "out.onnx", "small.onnx"]


def test_the_same_command_gives_the_same_file(model: Path, samples: Path, colonnade: Command) -> None:
    files = []
    for seed in (0, 0, 1):
        assert _prune(colonnade, model, "--calibrate", samples, "--samples", 20, "--seed", seed).code == 0
        files.append(model.with_name("out.onnx").read_bytes())
    assert files[0] == files[1] != files[2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--method", "obs", "--preprocess", "imagenet"], "give --calibrate as well"),
        (["--method", "activation"], "give --calibrate as well"),
        (["--calibrate", "images.npy", "--method", "best"], "method is 'best'"),
        (["--calibrate", "images.npy", "--samples", "0"], "--samples: 0 is out of range"),
        (["--calibrate", "images.npy", "--samples", "9"], "there are 9 samples; calibration needs at least 16"),
        (["--calibrate", "images.npy", "--preprocess", "imagenet"], "a float32 array is taken as it is"),
        (["--calibrate", "nothing"], "nothing: no such file or folder"),
    ],
)
def test_mistakes(
    options: list[str],
    message: str,
    model: Path,
    samples: Path,
    monkeypatch: pytest.MonkeyPatch,
    colonnade: Command,
) -> None:
    monkeypatch.chdir(samples.parent)
    assert_mistake(_prune(colonnade, model, *options), message)
    assert not model.with_name("out.onnx").exists()
