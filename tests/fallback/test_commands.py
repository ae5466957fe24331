"""compile, run and profile of a network that ONNX Runtime runs a part of."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from commands import Command, assert_mistake
from test_fallback import random, recurrent


def test_commands(colonnade: Command, tmp_path: Path) -> None:
    model, compiled = tmp_path / "m.onnx", tmp_path / "m.colonnade"
    onnx.save(recurrent("LSTM", 4), model)
    assert_mistake(colonnade("compile", model, "--plan", "default"), "LSTM", "--fallback onnxruntime")
    assert not compiled.exists()
    done = colonnade("compile", model, "--plan", "default", "--fallback", "onnxruntime")
    assert done.code == 0
    assert "stage 2, onnxruntime: " in done.out
    assert "LSTM (1)" in done.out
    x = random(2, 3, 7)
    np.save(tmp_path / "x.npy", x)
    outputs = [word for name in ("y", "last") for word in ("--output", f"{name}={tmp_path / name}.npy")]
    assert colonnade("run", compiled, "--input", tmp_path / "x.npy", *outputs).code == 0
    expected = onnxruntime.InferenceSession(model).run(None, {"x": x})
    for name, array in zip(("y", "last"), expected, strict=True):
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), array, rtol=1e-4, atol=1e-5)
    done = colonnade("profile", compiled, "--repeat", "2", "--json", tmp_path / "p.json")
    assert done.code == 0
    assert "the fallback" in done.out
    rows = json.loads((tmp_path / "p.json").read_text())
    assert [row["runs_on"] for row in rows] == ["native", "onnxruntime", "native"]
    assert abs(sum(row["share"] for row in rows) - 1) < 1e-9
    assert_mistake(colonnade("profile", compiled, "--plot", tmp_path / "p.png"), "--plot")
    several = ("--fallback", "onnxruntime", "--batch", "2,3")
    assert_mistake(colonnade("compile", model, "--plan", "default", *several), "one batch and one size")
    assert_mistake(colonnade("deploy", compiled, "-o", tmp_path / "board"), "only colonnade.Session")
