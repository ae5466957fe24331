"""A whole benchmark, with the default plan so that it takes seconds."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest

from colonnade.bench import run as run_module
from colonnade.bench.run import Entrant, Options, _Referee, run_bench
from colonnade.bench.subject import open_model, with_static_shapes
from colonnade.bench.worker import Worker, WorkerError
from colonnade.errors import ColonnadeError
from colonnade.graph.onnx_import import import_model

QUICK = {"input_size": 64, "repeat": 2, "plan": "default"}


def test_own_dense_is_added_and_every_result_is_close() -> None:
    told: list[str] = []
    options = Options(sparsities=(0.75,), against=("onnxruntime",), **QUICK)
    report = run_bench("resnet18", options, lambda what, done, total: told.append(what))
    assert report.reference == "onnxruntime"
    assert report.absent == ()
    rows = [(row.runtime, row.sparsity) for row in report.results]
    assert rows == [("onnxruntime", 0.0), ("colonnade", 0.0), ("colonnade", 0.75)]
    for row in report.results:
        assert 0 < row.min_ms <= row.median_ms
        assert row.max_rel_err < 1e-4
    assert "time" in told


def test_own_result_beyond_tolerance_is_never_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "OWN_TOLERANCE", 0.0)
    report = run_bench("resnet18", Options(sparsities=(), against=("onnxruntime",), **QUICK))
    assert [row.runtime for row in report.results] == ["onnxruntime"]
    (fault,) = report.own_faults
    assert fault.status == "wrong result"
    assert "off by" in fault.reason


def test_runtime_without_support_for_the_batch_is_absent(resnet18_by_batch: dict[int, Path]) -> None:
    options = Options(sparsities=(), against=("ncnn",), batch=2, repeat=1, plan="default")
    report = run_bench(str(resnet18_by_batch[1]), options)  # a file fixed at batch 1 runs at 2
    assert [(row.runtime, row.batch) for row in report.results] == [("colonnade", 2)]
    assert [(row.runtime, row.status) for row in report.absent] == [("ncnn", "absent")]
    assert report.fastest_peer is None


@pytest.mark.parametrize(
    ("output", "reason"),
    [(np.full((1, 10), np.nan, np.float32), "off by inf"), (np.zeros((1, 5), np.float32), "shape")],
)
def test_referee_refuses(
    output: np.ndarray, reason: str, resnet18_by_batch: dict[int, Path], images: dict[int, np.ndarray]
) -> None:
    referee = _Referee(images[1], threads=1)
    entrant = Entrant("mnn", 0.0, resnet18_by_batch[1], resnet18_by_batch[1])
    with pytest.raises(WorkerError, match=reason) as caught:
        referee.judge(entrant, output)
    assert caught.value.status == "wrong result"


def test_referee_without_onnxruntime_is_numpy(
    monkeypatch: pytest.MonkeyPatch, resnet18_by_batch: dict[int, Path], images: dict[int, np.ndarray]
) -> None:
    with Worker("onnxruntime", resnet18_by_batch[1], images[1], 1) as worker:
        output = worker.output

    def not_installed(*_: object) -> SimpleNamespace:
        raise WorkerError("absent", "onnxruntime is not installed")

    monkeypatch.setattr(run_module, "Worker", not_installed)
    referee = _Referee(images[1], threads=1)
    deviation = referee.judge(Entrant("mnn", 0.0, resnet18_by_batch[1], resnet18_by_batch[1]), output)
    assert deviation.relative < 1e-4
    assert referee.name == "the numpy reference"


def test_static_shapes_follow_the_graph() -> None:
    model = open_model("resnet18", input_size=64)
    proto = with_static_shapes(model.proto, import_model(model.proto, batch=3))
    onnx.checker.check_model(proto, full_check=True)
    shapes = [
        [d.dim_value for d in v.type.tensor_type.shape.dim] for v in (proto.graph.input[0], proto.graph.output[0])
    ]
    assert shapes == [[3, 3, 64, 64], [3, 1000]]
    assert model.proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 0  # the original is as it was


def test_network_with_two_inputs_cannot_be_timed(tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 8, 8]) for name in "abc"]
    graph = helper.make_graph([helper.make_node("Add", ["a", "b"], ["c"])], "sum", values[:2], values[2:])
    onnx.save(helper.make_model(graph), tmp_path / "sum.onnx")
    with pytest.raises(ColonnadeError, match="has 2 inputs"):
        run_bench(str(tmp_path / "sum.onnx"), Options())


def test_trained_networks_of_the_zoo_are_timed() -> None:
    report = run_bench("digits_cnn", Options(sparsities=(0.5,), against=("onnxruntime",), repeat=2, plan="default"))
    assert [row.model for row in report.results] == ["digits_cnn"] * 3
    assert report.absent == ()
