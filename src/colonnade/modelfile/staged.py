"""The file of a network of which ONNX Runtime runs a part: an index, and the pieces that run one after the other.

Magic (8 bytes), checksum (XXH64 of all that follows), bytes of the file, version, bytes of the index (`_HEADER`), the
index as JSON, then the pieces. A piece is a whole model file or a whole ONNX model. Each piece reads values that the
caller gives or an earlier piece has made, by their names. Nothing in it is trusted: `read_staged` checks it all.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from colonnade.errors import ColonnadeError
from colonnade.modelfile.records import STAGED_MAGIC

MAGIC = STAGED_MAGIC
VERSION = 1
ONLY_IN_PYTHON = "ONNX Runtime runs a part of it, so only colonnade.Session runs it, in Python"
_HEADER = struct.Struct("<8sQQII")
_CHECKED_FROM = 16
_MOST_INDEX_BYTES = 2**24
_MOST_STAGES = 2**10
_MOST_NAMES = 2**16
_MOST_RANK = 64

Kind = Literal["native", "onnxruntime"]


@dataclass(frozen=True)
class Value:
    """An input or output of the network. type: as numpy spells it; shape: -1 where a size depends on data."""

    name: str
    type: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Stage:
    """One piece. inputs, outputs: names of the piece's own, and of the network's values that they are; nodes: its
    operators with how often each occurs; piece: its bytes."""

    kind: Kind
    inputs: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str], ...]
    nodes: Mapping[str, int]
    piece: bytes


@dataclass(frozen=True)
class Staged:
    """A network in stages, in running order."""

    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    stages: tuple[Stage, ...]


def is_staged(data: bytes) -> bool:
    """Whether these bytes begin as such a file does."""
    return data[: len(MAGIC)] == MAGIC


def write_staged(network: Staged, checksum: Callable[[bytes], int]) -> bytes:
    """The file. The index holds of each piece how many bytes it has."""
    stages = [
        {
            "kind": stage.kind,
            "inputs": stage.inputs,
            "outputs": stage.outputs,
            "nodes": dict(stage.nodes),
            "bytes": len(stage.piece),
        }
        for stage in network.stages
    ]
    values = {"inputs": [asdict(v) for v in network.inputs], "outputs": [asdict(v) for v in network.outputs]}
    index = json.dumps({**values, "stages": stages}).encode()
    body = b"".join([index, *(stage.piece for stage in network.stages)])
    head = _HEADER.pack(MAGIC, 0, _HEADER.size + len(body), VERSION, len(index))
    covered = head[_CHECKED_FROM:] + body
    return MAGIC + struct.pack("<Q", checksum(covered)) + covered


def read_staged(data: bytes, label: str, checksum: Callable[[bytes], int]) -> Staged:
    """The network in a file's bytes. ColonnadeError about `label` for whatever is wrong with it; the pieces themselves
    are checked by what runs them."""
    if len(data) < _HEADER.size or not is_staged(data):
        raise ColonnadeError(f"{label}: not a Colonnade model file")
    _, digest, size, version, index_bytes = _HEADER.unpack_from(data)
    if version != VERSION:
        raise ColonnadeError(f"{label}: made by another version of Colonnade; compile the model again")
    if size != len(data):
        raise ColonnadeError(f"{label}: the file is cut off or has grown; copy or compile it again")
    if checksum(data[_CHECKED_FROM:]) != digest:
        raise ColonnadeError(f"{label}: the file is damaged (its checksum does not match); compile the model again")
    try:
        if index_bytes > min(_MOST_INDEX_BYTES, size - _HEADER.size):
            raise ValueError("the index is too long")
        end = _HEADER.size + index_bytes
        network = _network(json.loads(data[_HEADER.size : end]), data, end)
        _check_order(network)
        return network
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ColonnadeError(f"{label}: the file is damaged (its index: {error}); compile the model again") from None


def _network(index: Any, data: bytes, at: int) -> Staged:
    _require(isinstance(index, dict), "it is no table")
    stages = []
    for entry in _list(index["stages"], _MOST_STAGES):
        _require(isinstance(entry, dict), "a stage is no table")
        size = _number(entry["bytes"], 1, len(data) - at)
        stages.append(_stage(entry, data[at : at + size]))
        at += size
    _require(at == len(data), "the pieces are shorter than the file")
    return Staged(_values(index["inputs"]), _values(index["outputs"]), tuple(stages))


def _stage(entry: dict[str, Any], piece: bytes) -> Stage:
    _require(entry["kind"] in get_args(Kind), "a stage is of an unknown kind")
    nodes = entry["nodes"]
    _require(isinstance(nodes, dict) and len(nodes) <= _MOST_NAMES, "the nodes of a stage are no table")
    counts = {name: _number(count, 0, 2**31) for name, count in nodes.items()}
    return Stage(entry["kind"], _pairs(entry["inputs"]), _pairs(entry["outputs"]), counts, piece)


def _pairs(entries: Any) -> tuple[tuple[str, str], ...]:
    pairs = [_list(entry, 2) for entry in _list(entries, _MOST_NAMES)]
    _require(all(len(pair) == 2 for pair in pairs), "a stage does not say which value a name is")
    found = tuple((_name(own), _name(value)) for own, value in pairs)
    for side in zip(*found, strict=True):
        _require(len(set(side)) == len(side), "a name occurs twice in a stage")
    return found


def _values(entries: Any) -> tuple[Value, ...]:
    found = []
    for entry in _list(entries, _MOST_NAMES):
        _require(isinstance(entry, dict), "a value is no table")
        shape = tuple(_number(size, -1, 2**40) for size in _list(entry["shape"], _MOST_RANK))
        found.append(Value(_name(entry["name"]), _name(entry["type"]), shape))
    _require(bool(found), "there are no inputs or no outputs")
    _require(len({value.name for value in found}) == len(found), "a name occurs twice")
    return tuple(found)


def _check_order(network: Staged) -> None:
    """Every value is there before it is read, and is made once."""
    known = {value.name for value in network.inputs}
    for stage in network.stages:
        for _, value in stage.inputs:
            _require(value in known, "a value is read before it is made")
        for _, value in stage.outputs:
            _require(value not in known, "a value is made twice")
            known.add(value)
    _require(all(value.name in known for value in network.outputs), "an output is made by no stage")


def _require(condition: bool, reason: str) -> None:
    if not condition:
        raise ValueError(reason)


def _list(value: Any, most: int) -> list[Any]:
    _require(isinstance(value, list), "a list is missing")
    _require(len(value) <= most, "a list is too long")
    return list(value)


def _name(value: Any) -> str:
    _require(isinstance(value, str) and bool(value), "a name is missing")
    return str(value)


def _number(value: Any, least: int, most: int) -> int:
    _require(type(value) is int and least <= value <= most, "a number is out of range")
    return int(value)
