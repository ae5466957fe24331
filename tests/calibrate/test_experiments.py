"""examples/fashion_mnist/experiments.py, and the ways to prune that only it has."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

EXAMPLE = Path(__file__).parents[2] / "examples" / "fashion_mnist"


def run_quick(folder: Path) -> list[str]:
    """The rows that were computed."""
    command = [sys.executable, EXAMPLE / "experiments.py", "--output", folder, "--quick"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def test_quick_experiment_goes_on_where_it_stopped(tmp_path: Path) -> None:
    assert len(run_quick(tmp_path)) == 12
    first = json.loads((tmp_path / "results.json").read_text())
    lost = {(row["method"], row["sparsity"], row["tile"], row["group"]): row["lost"] for row in first["rows"]}
    assert len(lost) == 12
    assert first["dense"]["digits_cnn"] > 95
    ours, recalibrated, plain = (
        lost[method, 0.75, 8, None] for method in ("clustering", "columns recalibrated", "columns")
    )
    assert ours < recalibrated < plain
    for row in first["rows"]:
        if row["method"] != "budgets of multiply-adds":
            assert row["weights"] <= 1 - row["sparsity"] + 0.03
        if row["method"] != "budgets of weights":
            assert row["multiply_adds"] <= 1 - row["sparsity"] + 0.03
    table = (tmp_path / "table.md").read_text()
    assert f"| clustering | 8 | all | {ours:.2f} |" in table
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")

    gone = sorted((tmp_path / "rows").glob("obs-*"))[0]
    gone.unlink()
    again = run_quick(tmp_path)
    assert len(again) == 1
    assert "method='obs'" in again[0]
    second = json.loads((tmp_path / "results.json").read_text())
    assert [row["lost"] for row in second["rows"]] == [row["lost"] for row in first["rows"]]


@pytest.fixture
def baselines(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.syspath_prepend(EXAMPLE)
    import post_training_baselines

    return post_training_baselines


def residual_model() -> onnx.ModelProto:
    """A stem, a residual block of two convolutions with biases, and a mean over the plane."""
    rng = np.random.default_rng(0)
    shapes = {"stem": (8, 1, 3, 3), "first": (16, 8, 3, 3), "second": (8, 16, 3, 3)}
    weights = {f"{name}.w": rng.standard_normal(shape) for name, shape in shapes.items()}
    weights |= {f"{name}.b": rng.standard_normal(shape[0]) for name, shape in shapes.items()}

    def conv(x: str, name: str) -> onnx.NodeProto:
        return helper.make_node("Conv", [x, f"{name}.w", f"{name}.b"], [name], name, pads=[1] * 4)

    nodes = [
        conv("x", "stem"),
        conv("stem", "first"),
        helper.make_node("Relu", ["first"], ["rectified"]),
        conv("rectified", "second"),
        helper.make_node("Add", ["second", "stem"], ["sum"]),
        helper.make_node("GlobalAveragePool", ["sum"], ["y"]),
    ]
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shape])
        for name, shape in (("x", (1, 6, 6)), ("y", (8, 1, 1)))
    )
    tensors = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "residual", [x], [y], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def weights_of(model: onnx.ModelProto, name: str) -> np.ndarray:
    return next(numpy_helper.to_array(t) for t in model.graph.initializer if t.name == f"{name}.w")


def test_filters_are_removed_with_the_inputs_they_fed(baselines) -> None:  # type: ignore[no-untyped-def]
    model = residual_model()
    pruned = baselines.without_filters(model, 0.75)
    norms = np.abs(weights_of(model, "first")).sum(axis=(1, 2, 3))
    kept = np.sort(np.argsort(norms)[-4:])
    assert np.array_equal(np.flatnonzero(weights_of(pruned, "first").any(axis=(1, 2, 3))), kept)
    assert np.array_equal(np.flatnonzero(weights_of(pruned, "second").any(axis=(0, 2, 3))), kept)
    assert np.array_equal(weights_of(pruned, "stem"), weights_of(model, "stem"))
    assert np.array_equal(weights_of(pruned, "second")[:, kept], weights_of(model, "second")[:, kept])


@pytest.mark.parametrize(("sparsity", "group", "kept"), [(0.5, 4, 2), (0.625, 8, 3), (0.75, 4, 1), (0.875, 8, 1)])
def test_row_wise_groups_of_channels_keep_their_largest(baselines, sparsity: float, group: int, kept: int) -> None:  # type: ignore[no-untyped-def]
    model = residual_model()
    dense = np.abs(np.moveaxis(weights_of(model, "first"), 1, -1)).reshape(-1, group)
    found = np.moveaxis(weights_of(baselines.row_wise(model, sparsity), "first"), 1, -1).reshape(-1, group)
    assert ((found != 0).sum(axis=1) == kept).all()
    assert np.array_equal(np.sort(np.abs(found), axis=1)[:, -kept:], np.sort(dense, axis=1)[:, -kept:])


def test_unstructured_keeps_the_largest_of_a_layer(baselines) -> None:  # type: ignore[no-untyped-def]
    model = residual_model()
    dense, found = weights_of(model, "first"), weights_of(baselines.unstructured(model, 0.75), "first")
    assert (found != 0).sum() == dense.size / 4
    assert np.abs(found[found != 0]).min() >= np.abs(dense[found == 0]).max()


def test_recalibration_restores_mean_and_deviation_of_each_channel(baselines) -> None:  # type: ignore[no-untyped-def]
    model = residual_model()
    images = np.random.default_rng(1).standard_normal((20, 1, 6, 6), dtype=np.float32)
    found = baselines.recalibrated(baselines.unstructured(model, 0.75), model, images)
    for name in ("first", "second"):
        expected, got = (_output(m, name, images) for m in (model, found))
        assert np.allclose(got.mean(axis=(0, 2, 3)), expected.mean(axis=(0, 2, 3)), atol=1e-4)
        assert np.allclose(got.std(axis=(0, 2, 3)), expected.std(axis=(0, 2, 3)), rtol=1e-4)
        assert (weights_of(found, name) == 0).mean() == 0.75


def _output(model: onnx.ModelProto, name: str, images: np.ndarray) -> np.ndarray:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.graph.output.append(onnx.ValueInfoProto(name=name))
    session = onnxruntime.InferenceSession(copy.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run([name], {"x": images})[0])
