"""Files of stages are untrusted: whatever is wrong with one is one line."""

from __future__ import annotations

import json
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import colonnade
from colonnade.api import Model
from colonnade.errors import ColonnadeError
from colonnade.runtime.binding import checksum
from colonnade.runtime.native import products
from colonnade.target.toolchain import host_arch

Index = dict[str, Any]


@pytest.fixture(scope="module")
def whole() -> bytes:
    nodes = [
        helper.make_node("MatMul", ["x", "one"], ["r"]),
        helper.make_node("Det", ["r"], ["d"]),
        helper.make_node("MatMul", ["d", "two"], ["y"]),
    ]
    entries = [helper.make_tensor_value_info(name, 1, shape) for name, shape in (("x", (2, 3, 3)), ("y", (2,)))]
    constants = [
        numpy_helper.from_array(factor * np.eye(size, dtype=np.float32), name)
        for name, size, factor in (("one", 3, 1), ("two", 2, 2))
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "g", entries[:1], entries[1:], constants), opset_imports=[helper.make_opsetid("", 17)]
    )
    return colonnade.compile(Model(model, "m"), plan="default", fallback="onnxruntime").data


def sealed(index: bytes, pieces: bytes, version: int = 1, index_bytes: int | None = None) -> bytes:
    """A file with a right checksum."""
    length = len(index) if index_bytes is None else index_bytes
    covered = struct.pack("<QII", 32 + len(index) + len(pieces), version, length) + index + pieces
    return b"COLSTAGE" + struct.pack("<Q", checksum(covered)) + covered


def taken_apart(whole: bytes) -> tuple[Index, bytes]:
    length = struct.unpack_from("<I", whole, 28)[0]
    return json.loads(whole[32 : 32 + length]), whole[32 + length :]


def refused(data: bytes, reason: str = "") -> None:
    with pytest.raises(ColonnadeError) as caught:
        colonnade.Session(data)
    assert str(caught.value).isprintable()
    assert reason in str(caught.value)


def test_the_parts_make_the_whole(whole: bytes) -> None:
    index, pieces = taken_apart(whole)
    session = colonnade.Session(sealed(json.dumps(index).encode(), pieces))
    (y,) = session.run(None, {"x": np.stack([np.eye(3), 2 * np.eye(3)]).astype(np.float32)})
    np.testing.assert_allclose(y, [2, 16], rtol=1e-5)


def test_cut_short_anywhere(whole: bytes) -> None:
    for length in range(0, len(whole), 7):
        refused(whole[:length])


def test_any_byte_changed(whole: bytes) -> None:
    for position in range(0, len(whole), 3):
        changed = bytearray(whole)
        changed[position] ^= 0x41
        refused(bytes(changed))


def _change(path: list[str | int], value: Any) -> Callable[[Index], None]:
    def change(index: Index) -> None:
        place: Any = index
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return change


def _drop(key: str) -> Callable[[Index], None]:
    return lambda index: index.pop(key)


BROKEN: dict[str, tuple[Callable[[Index], Any], str]] = {
    "unknown kind": (_change(["stages", 0, "kind"], "shell"), "unknown kind"),
    "kind that is a list": (_change(["stages", 0, "kind"], []), "damaged"),
    "huge piece": (_change(["stages", 0, "bytes"], 2**62), "out of range"),
    "negative piece": (_change(["stages", 0, "bytes"], -1), "out of range"),
    "piece of a fraction": (_change(["stages", 0, "bytes"], 1.5), "out of range"),
    "piece that is true": (_change(["stages", 0, "bytes"], True), "out of range"),
    "shorter pieces": (_change(["stages", 2, "bytes"], 100), "shorter than the file"),
    "no stages": (_drop("stages"), "damaged"),
    "stages that are a text": (_change(["stages"], "abc"), "a list is missing"),
    "two thousand stages": (_change(["stages"], [{}] * 2000), "too long"),
    "stage that is a number": (_change(["stages", 1], 7), "no table"),
    "circle": (_change(["stages", 0, "inputs"], [["x", "d"]]), "before it is made"),
    "value made twice": (_change(["stages", 1, "outputs"], [["d", "r"]]), "made twice"),
    "stage that makes an input": (_change(["stages", 1, "outputs"], [["d", "x"]]), "made twice"),
    "name twice in a stage": (_change(["stages", 0, "inputs"], [["x", "x"], ["x", "x"]]), "twice in a stage"),
    "pair of three": (_change(["stages", 0, "inputs"], [["x", "x", "x"]]), "too long"),
    "pair of one": (_change(["stages", 0, "inputs"], [["x"]]), "which value"),
    "name that is a number": (_change(["stages", 0, "inputs"], [[1, "x"]]), "a name is missing"),
    "another name of a piece": (_change(["stages", 0, "inputs"], [["z", "x"]]), "other inputs"),
    "another name of an ONNX piece": (_change(["stages", 1, "inputs"], [["z", "r"]]), "other inputs"),
    "output of nobody": (_change(["outputs", 0, "name"], "z"), "made by no stage"),
    "outputs of one name": (lambda index: index["outputs"].append(index["outputs"][0]), "twice"),
    "no outputs": (_change(["outputs"], []), "no inputs or no outputs"),
    "unknown type": (_change(["inputs", 0, "type"], "object"), "unknown type"),
    "type of a list": (_change(["inputs", 0, "type"], [["a", "f4"]]), "a name is missing"),
    "rank of 65": (_change(["inputs", 0, "shape"], [1] * 65), "too long"),
    "negative size": (_change(["inputs", 0, "shape"], [-2]), "out of range"),
    "counts that are a text": (_change(["stages", 0, "nodes"], {"Relu": "many"}), "out of range"),
    "native piece for onnxruntime": (_change(["stages", 0, "kind"], "onnxruntime"), ""),
    "ONNX piece for us": (_change(["stages", 1, "kind"], "native"), "not a Colonnade model file"),
}


@pytest.mark.parametrize(("change", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_index(whole: bytes, change: Callable[[Index], Any], reason: str) -> None:
    index, pieces = taken_apart(whole)
    change(index)
    refused(sealed(json.dumps(index).encode(), pieces), reason)


@pytest.mark.parametrize(
    "index",
    [b"", b"{", b"[]", b"null", b"[" * 100_000, b"\xff\xfe", b'{"stages": ' + b"9" * 5000 + b"}"],
    ids=["empty", "cut", "list", "null", "deep", "not UTF-8", "long number"],
)
def test_an_index_that_is_none(whole: bytes, index: bytes) -> None:
    refused(sealed(index, taken_apart(whole)[1]), "damaged")


def test_other_numbers_of_the_header(whole: bytes) -> None:
    index, pieces = taken_apart(whole)
    text = json.dumps(index).encode()
    refused(sealed(text, pieces, version=2), "another version")
    refused(sealed(text, pieces, index_bytes=2**32 - 1), "too long")
    refused(sealed(text, pieces, index_bytes=5), "damaged")


def _with_onnx_piece(whole: bytes, piece: bytes) -> bytes:
    index, pieces = taken_apart(whole)
    before, size = index["stages"][0]["bytes"], index["stages"][1]["bytes"]
    index["stages"][1]["bytes"] = len(piece)
    return sealed(json.dumps(index).encode(), pieces[:before] + piece + pieces[before + size :])


def test_an_onnx_piece_reads_no_other_file(whole: bytes, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(8))
    tensor = onnx.TensorProto(name="w", data_type=1, dims=[2], data_location=onnx.TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=str(tmp_path / "secret"))
    entries = [helper.make_tensor_value_info(name, 1, None) for name in "rd"]
    graph = helper.make_graph([helper.make_node("Add", ["r", "w"], ["d"])], "g", entries[:1], entries[1:], [tensor])
    piece = helper.make_model(graph).SerializeToString()
    refused(_with_onnx_piece(whole, piece), "names data in another file")


def test_an_onnx_piece_that_is_none(whole: bytes) -> None:
    refused(_with_onnx_piece(whole, b"\xff" * 50), "no ONNX model")


def test_stages_in_stages(whole: bytes) -> None:
    index, pieces = taken_apart(whole)
    first = index["stages"][0]["bytes"]
    index["stages"][0]["bytes"] = len(whole)
    refused(sealed(json.dumps(index).encode(), whole + pieces[first:]), "stages in a stage")


def test_whoever_cannot_run_it_says_so(whole: bytes, tmp_path: Path) -> None:
    """deploy, the runner without Python, and through it the C library."""
    path = tmp_path / "staged.colonnade"
    path.write_bytes(whole)
    from colonnade.deploy.folder import read_deployment

    with pytest.raises(ColonnadeError, match=r"only colonnade\.Session runs it"):
        read_deployment(path)
    done = subprocess.run(
        [products(host_arch()).runner, path, "--input", "x.npy", "--output", "y.npy"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "only colonnade.Session runs it" in done.stderr
    assert done.stderr.count("\n") == 1
