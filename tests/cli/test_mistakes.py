"""Every mistake of a user: one line on stderr, exit code 2, nothing written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from commands import Command, assert_mistake
from onnx import helper

JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffdb0043000806060706050806") + bytes(range(256)) * 8
READERS = {
    "inspect": ("inspect", "{model}"),
    "prune": ("prune", "{model}", "--sparsity", "0.5", "-o", "{out}"),
    "compile": ("compile", "{model}", "-o", "{out}"),
    "bench": ("bench", "{model}", "--json", "{out}"),
    "forecast": ("forecast", "{model}"),
}


def _missing(path: Path, whole: bytes) -> None:
    pass


def _truncated(path: Path, whole: bytes) -> None:
    path.write_bytes(whole[: len(whole) * 2 // 3])


def _empty(path: Path, whole: bytes) -> None:
    path.touch()


def _jpeg(path: Path, whole: bytes) -> None:
    path.write_bytes(JPEG)


def _directory(path: Path, whole: bytes) -> None:
    path.mkdir()


@pytest.mark.parametrize("damage", [_missing, _truncated, _empty, _jpeg, _directory])
@pytest.mark.parametrize("reader", list(READERS))
def test_model_that_cannot_be_read(
    colonnade: Command, tmp_path: Path, small_model: Path, reader: str, damage: Callable[[Path, bytes], None]
) -> None:
    model, out = tmp_path / "bad.onnx", tmp_path / "out"
    damage(model, small_model.read_bytes())
    before = set(tmp_path.iterdir())
    outcome = colonnade(*(word.format(model=model, out=out) for word in READERS[reader]))
    assert_mistake(outcome, str(model))
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize("reader", [name for name in READERS if name != "prune"])
def test_unsupported_operator(colonnade: Command, tmp_path: Path, reader: str) -> None:
    value = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 3, 8, 8]) for name in "xy"]
    node = helper.make_node("Det", ["x"], ["y"], name="determinant")
    model, out = tmp_path / "det.onnx", tmp_path / "out"
    onnx.save(helper.make_model(helper.make_graph([node], "g", value[:1], value[1:])), model)
    outcome = colonnade(*(word.format(model=model, out=out) for word in READERS[reader]))
    assert_mistake(outcome, "Det", "determinant", "--fallback onnxruntime")
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("prune", "MODEL", "--sparsity", "1.5", "-o", "OUT"), ("--sparsity", "1.5")),
        (("prune", "MODEL", "--sparsity", "1", "-o", "OUT"), ("--sparsity", "below 1")),
        (("prune", "MODEL", "--sparsity", "-0.1", "-o", "OUT"), ("--sparsity", "-0.1")),
        (("prune", "MODEL", "--sparsity", "nan", "-o", "OUT"), ("--sparsity", "nan")),
        (("prune", "MODEL", "--sparsity", "half", "-o", "OUT"), ("--sparsity", "half")),
        (("prune", "MODEL", "--sparsity", "0.5,0.75", "-o", "OUT"), ("--sparsity", "one number")),
        (("prune", "MODEL", "--sparsity", "0.5", "--tile", "0", "-o", "OUT"), ("--tile", "at least 1")),
        (("prune", "MODEL", "--sparsity", "0.5", "--tile", "-3", "-o", "OUT"), ("--tile", "-3")),
        (("prune", "MODEL", "--sparsity", "0.5", "--tile", "wide", "-o", "OUT"), ("--tile", "auto")),
        (("prune", "MODEL", "--sparsity", "0.5", "--group", "0", "-o", "OUT"), ("--group", "at least 1")),
        (("prune", "MODEL", "--sparsity", "0.5", "--skip", "nonesuch", "-o", "OUT"), ("nonesuch",)),
        (("prune", "MODEL", "-o", "OUT"), ("--sparsity",)),
        (("compile", "MODEL", "--threads", "0", "-o", "OUT"), ("--threads", "at least 1")),
        (("compile", "MODEL", "--threads", "two", "-o", "OUT"), ("--threads",)),
        (("compile", "MODEL", "--batch", "0", "-o", "OUT"), ("--batch", "at least 1")),
        (("compile", "MODEL", "--input-size", "0", "-o", "OUT"), ("--input-size", "at least 1")),
        (("compile", "MODEL", "--plan", "best", "-o", "OUT"), ("--plan", "best")),
        (("compile", "MODEL", "--plan", "default", "--runner", "spike", "-o", "OUT"), ("measures nothing", "--runner")),
        (("compile", "MODEL", "--target", "z80", "-o", "OUT"), ("z80", "generic")),
        (("inspect", "MODEL", "--batch", "0"), ("--batch", "at least 1")),
        (("bench", "MODEL", "--sparsity", "0,1.5", "--json", "OUT"), ("--sparsity", "1.5")),
        (("bench", "MODEL", "--sparsity", ",", "--json", "OUT"), ("--sparsity",)),
        (("bench", "MODEL", "--against", "onnxruntime,tvm", "--json", "OUT"), ("tvm", "openvino")),
        (("bench", "MODEL", "--threads", "0", "--json", "OUT"), ("threads", "at least 1")),
        (("bench", "MODEL", "--threads", "4096", "--json", "OUT"), ("threads", "4096")),
        (("bench", "MODEL", "--repeat", "0", "--json", "OUT"), ("repeat", "at least 1")),
        (("bench", "MODEL", "--plot", "OUT.pdf"), (".png or .svg",)),
        (("forecast", "MODEL", "--sparsity", "2"), ("--sparsity", "2")),
        (("forecast", "MODEL", "--repeat", "0"), ("repeat", "at least 1")),
        (("zoo", "resnet51", "-o", "OUT"), ("resnet51", "resnet50")),
        (("zoo", "resnet18", "--input-size", "1", "-o", "OUT"), ("input size",)),
        (("zoo", "resnet18", "--classes", "0", "-o", "OUT"), ("classes",)),
        (("bench", "resnet51", "--json", "OUT"), ("resnet51", "resnet50")),
        (("shrink", "MODEL"), ("shrink",)),
        (("zoo",), ("NAME",)),
        (("inspect", "MODEL", "--colour", "red"), ("--colour",)),
    ],
)
def test_value_out_of_range(
    colonnade: Command, tmp_path: Path, small_model: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    places = {"MODEL": str(small_model), "OUT": str(tmp_path / "out"), "OUT.pdf": str(tmp_path / "out.pdf")}
    assert_mistake(colonnade(*(places.get(word, word) for word in arguments)), *words)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        ("zoo", "resnet18", "--input-size", "32", "-o", "OUT"),
        ("prune", "MODEL", "--sparsity", "0.5", "-o", "OUT"),
        ("compile", "MODEL", "-o", "OUT"),
        ("bench", "MODEL", "--json", "OUT"),
        ("bench", "MODEL", "--plot", "OUT.png"),
    ],
)
@pytest.mark.parametrize("place", ["missing", "file"])
def test_output_directory_that_cannot_be_written(
    colonnade: Command, tmp_path: Path, small_model: Path, arguments: tuple[str, ...], place: str
) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / place
    places = {"MODEL": str(small_model), "OUT": str(folder / "out"), "OUT.png": str(folder / "out.png")}
    assert_mistake(colonnade(*(places.get(word, word) for word in arguments)), str(folder))
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
