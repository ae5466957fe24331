"""Saving: the whole file or an error, and nothing left behind."""

from __future__ import annotations

import os
from pathlib import Path

import onnx
import pytest
from onnx import helper

from colonnade import zoo
from colonnade.errors import ColonnadeError
from colonnade.sparse import save_model


@pytest.fixture(scope="module")
def model() -> onnx.ModelProto:
    return zoo.build("mobilenet_v2", input_size=32, classes=2)


def test_saves_and_replaces(model: onnx.ModelProto, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"older")
    save_model(model, path)
    assert onnx.load(path) == model
    assert os.listdir(tmp_path) == ["model.onnx"]


def test_the_file_has_the_permissions_of_any_new_file(model: onnx.ModelProto, tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    save_model(model, tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_missing_directory(model: onnx.ModelProto, tmp_path: Path) -> None:
    with pytest.raises(ColonnadeError, match=r"absent/model.onnx: there is no directory .*absent; create it first"):
        save_model(model, tmp_path / "absent" / "model.onnx")
    assert not os.listdir(tmp_path)


def test_a_directory_is_not_a_file(model: onnx.ModelProto, tmp_path: Path) -> None:
    with pytest.raises(ColonnadeError, match="is a directory; name a file"):
        save_model(model, tmp_path)
    assert not os.listdir(tmp_path)


def test_a_pipe_is_not_replaced(model: onnx.ModelProto, tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(ColonnadeError, match="pipe: is not a file"):
        save_model(model, path)
    assert path.is_fifo()


def test_a_place_that_cannot_be_written(model: onnx.ModelProto) -> None:
    # /proc takes no new files, not even from root.
    with pytest.raises(ColonnadeError, match=r"/proc/model.onnx: cannot be written: "):
        save_model(model, "/proc/model.onnx")


def test_a_failure_half_way_leaves_the_old_file(model: onnx.ModelProto, tmp_path: Path) -> None:
    path = tmp_path / ("n" * 300)  # the temporary file can be made, this name cannot
    with pytest.raises(ColonnadeError, match="cannot be written: File name too long"):
        save_model(model, path)
    assert not os.listdir(tmp_path)


def test_a_model_too_large_for_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("colonnade.sparse.save._LARGEST", 100)
    small = helper.make_model(helper.make_graph([], "g" * 100, [], []))
    with pytest.raises(ColonnadeError, match=r"larger than one ONNX file can be \(100 bytes\)"):
        save_model(small, tmp_path / "model.onnx")
    assert not os.listdir(tmp_path)
