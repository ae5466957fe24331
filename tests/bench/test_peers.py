"""The real runtimes, each in its worker process, on ResNet-18 at 64 x 64."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from colonnade.bench import peers
from colonnade.bench.harness import Deviation
from colonnade.bench.peers import PEERS, Job, PeerAbsentError
from colonnade.bench.run import PEER_TOLERANCE
from colonnade.bench.worker import Worker, WorkerError

Files = dict[int, Path]
Images = dict[int, np.ndarray]


@pytest.mark.parametrize("runtime", [name for name in PEERS if name != "onnxruntime"])
@pytest.mark.parametrize(("batch", "threads"), [(1, 1), (2, 2)])
def test_peer_agrees_with_onnxruntime(
    runtime: str, batch: int, threads: int, resnet18_by_batch: Files, images: Images
) -> None:
    if runtime == "ncnn" and batch > 1:
        with pytest.raises(WorkerError, match="batch 1 only") as caught:
            Worker(runtime, resnet18_by_batch[batch], images[batch], threads)
        assert caught.value.status == "absent"
        return
    with Worker("onnxruntime", resnet18_by_batch[batch], images[batch], threads) as worker:
        reference = worker.output
    with Worker(runtime, resnet18_by_batch[batch], images[batch], threads) as worker:
        assert reference.shape == (batch, 10)
        assert Deviation.between(worker.output, reference).relative < PEER_TOLERANCE
        assert worker.time_ms() > 0


@pytest.mark.parametrize("runtime", list(PEERS))
def test_model_a_runtime_cannot_take_is_a_failure_of_one_line(runtime: str, tmp_path: Path, images: Images) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a model at all")
    with pytest.raises(WorkerError) as caught:
        Worker(runtime, broken, images[1], 1)
    assert caught.value.status == "failed"
    assert str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("runtime", ["mnn", "ncnn"])
def test_converted_files_are_removed(
    runtime: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resnet18_by_batch: Files, images: Images
) -> None:
    scratch, models = tmp_path / "scratch", tmp_path / "models"
    scratch.mkdir()
    models.mkdir()
    model = models / "net.onnx"
    model.write_bytes(resnet18_by_batch[1].read_bytes())
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    with Worker(runtime, model, images[1], 1):
        assert any(scratch.rglob("model.*"))
    assert not list(scratch.iterdir())
    assert list(models.iterdir()) == [model]


def test_dead_worker_is_a_failure(resnet18_by_batch: Files, images: Images) -> None:
    with Worker("onnxruntime", resnet18_by_batch[1], images[1], 1) as worker:
        worker._process.kill()
        with pytest.raises(WorkerError, match="onnxruntime ended with exit code -9"):
            worker.time_ms()


def test_worker_chatter_stays_out_of_stdout(
    capfd: pytest.CaptureFixture[str], resnet18_by_batch: Files, images: Images
) -> None:
    with Worker("mnn", resnet18_by_batch[1], images[1], 1):  # the converter and the engine both print
        pass
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


@pytest.mark.parametrize("runtime", list(PEERS))
def test_runtime_that_is_not_installed_is_absent(runtime: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise ModuleNotFoundError(f"No module named '{name}'", name=name)

    monkeypatch.setattr(peers.importlib, "import_module", refuse)
    with pytest.raises(PeerAbsentError, match="is not installed"):
        PEERS[runtime].load(Job(tmp_path / "m.onnx", (1, 3, 8, 8), 1, tmp_path))


def test_runtime_with_a_broken_installation_is_not_called_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_inside(name: str) -> None:
        raise ModuleNotFoundError("No module named 'libsomething'", name="libsomething")

    monkeypatch.setattr(peers.importlib, "import_module", break_inside)
    with pytest.raises(ModuleNotFoundError, match="libsomething"):
        peers._module("openvino")
