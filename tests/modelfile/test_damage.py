"""Model files that are damaged, foreign or not model files at all: one clear line each, never a crash."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layers import (
    RUNNABLE,
    Compiled,
    model_of,
    random_feeds,
    small_classifier,
    small_network,
    small_network_candidates,
)
from model_bytes import open_sections, with_checksum, with_header, with_program, with_record

from colonnade.errors import ColonnadeError
from colonnade.modelfile import records
from colonnade.plan.compiler import compile_graph
from colonnade.runtime.session import Session

GOOD = model_of(small_network(), RUNNABLE[-1], small_network_candidates(1)).data
MISPLACED = "buffer [0-9]+: (outside the arena|not as its input or output is|advance: count out of range)"
DAMAGE = "|".join(
    [
        "not a Colonnade model file",
        "made by another version of Colonnade; compile it again",
        "the file is cut off or has grown",
        r"the file is damaged \(its checksum does not match\)",
    ]
)


def _refused(data: bytes, says: str) -> None:
    with pytest.raises(ColonnadeError, match=f"^compiled model: ({says})$"):
        Session(Compiled(data))


def test_the_undamaged_file_runs() -> None:
    assert len(Session(Compiled(GOOD)).run(None, random_feeds(small_network()))) == 3
    assert with_checksum(GOOD) == GOOD


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_every_byte_of_the_header_flipped(flip: int) -> None:
    for at in range(records.HEADER.size):
        changed = bytearray(GOOD)
        changed[at] ^= flip
        _refused(bytes(changed), DAMAGE)


def test_bytes_all_over_the_file_flipped() -> None:
    for at in range(records.HEADER.size, len(GOOD), 7):
        changed = bytearray(GOOD)
        changed[at] ^= 1 << at % 8
        _refused(bytes(changed), DAMAGE)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_any_byte_changed(at: int, flip: int) -> None:
    changed = bytearray(GOOD)
    changed[at] ^= flip
    _refused(bytes(changed), DAMAGE)


def test_cut_off_at_every_section() -> None:
    header = records.HEADER.unpack(GOOD[: records.HEADER.size])
    for at in {*header["section_at"]}:  # type: ignore[misc]
        for end in (at - 1, at, at + 1):
            if end < len(GOOD):
                _refused(GOOD[:end], DAMAGE)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(GOOD) - 1))
def test_cut_off_anywhere(end: int) -> None:
    _refused(GOOD[:end], DAMAGE)


@given(st.binary(min_size=1, max_size=200))
def test_bytes_appended(more: bytes) -> None:
    _refused(GOOD + more, "the file is cut off or has grown")


@given(st.binary(max_size=1000))
def test_noise(data: bytes) -> None:
    _refused(data, DAMAGE)


@pytest.mark.parametrize("version", [records.VERSION - 1, records.VERSION + 1, 0, -1])
def test_another_version(version: int) -> None:
    _refused(with_header(GOOD, version=version), "made by another version of Colonnade; compile it again")


def test_a_target_of_another_library() -> None:
    changed = with_header(GOOD, target=b"rv64gcv".ljust(records.TARGET_BYTES, b"\0"))
    _refused(changed, "compiled for target 'rv64gcv', for which this library has no kernels")


def test_a_target_that_is_not_text() -> None:
    """The message stays one printable line."""
    changed = with_header(GOOD, target=b"\xff\n\x1b[2J\xe9".ljust(records.TARGET_BYTES, b"\0"))
    with pytest.raises(ColonnadeError) as error:
        Session(Compiled(changed))
    assert str(error.value).isprintable()


@pytest.mark.parametrize("field", ["target", "planned_for"])
def test_a_target_without_an_end(field: str) -> None:
    _refused(with_header(GOOD, **{field: b"x" * records.TARGET_BYTES}), f"{field}: text without an end")


def test_lanes_that_are_not_the_targets() -> None:
    changed = with_header(GOOD, vector_bytes=3)
    _refused(changed, "compiled for target '.*', for which this library has no kernels")


def test_the_same_file_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "damaged.colonnade"
    path.write_bytes(GOOD[:-64])
    with pytest.raises(ColonnadeError, match=f"^{path}: the file is cut off or has grown$"):
        Session(path)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "No such file or directory"),
        (lambda path: path.mkdir(), "not a Colonnade model file"),
        (lambda path: path.write_bytes(b""), "not a Colonnade model file"),
        (lambda path: path.write_bytes(GOOD[:8]), "not a Colonnade model file"),
        (lambda path: path.write_bytes(b"\x08\x07\x12" + bytes(1000)), "not a Colonnade model file"),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
        (os.mkfifo, "not a Colonnade model file"),
    ],
    ids=["missing", "directory", "empty", "start", "onnx", "loop", "pipe"],
)
def test_what_is_no_model_file(tmp_path: Path, make: Callable[[Path], object], says: str) -> None:
    path = tmp_path / "model.colonnade"
    make(path)
    with pytest.raises(ColonnadeError, match=f"^{path}: {says}$"):
        Session(path)


def test_a_name_that_is_not_text() -> None:
    """Names are bytes that a file chooses; they must not end in a traceback."""
    sections = open_sections(GOOD)
    sections["strings"] = sections["strings"].replace(b"x0\0", b"\xff\xfe\0").replace(b"n0\0", b"\n\x1b\0")
    session = Session(Compiled(with_checksum(GOOD, sections)))
    assert session.get_inputs()[0].name == "\ufffd\ufffd"
    feeds = {arg.name: np.zeros(arg.shape, np.float32) for arg in session.get_inputs()}
    assert all(name.isprintable() or op for name, op, _ in session.profile(feeds, repeat=1))


# Lies that only hold together under the checksum; test_sanitizers.py tries them by the thousand.


def _with_record(section: str, index: int, **changes: object) -> bytes:
    """GOOD with other fields in one record."""
    return with_record(GOOD, section, index, **changes)


def _refused_step(data: bytes, says: str) -> None:
    _refused(data, f"step [0-9]+ '[^']*': {says}")


def test_tiles_that_share_output_channels() -> None:
    """Sums of KC blocks lie tile after tile: more rows than the layer has would run over them."""
    sections = open_sections(GOOD)
    fields = records.STEPS[records.OPCODES["cnm"]].unpack(sections["cnm"][: records.STEPS[0].size])
    table = np.frombuffer(sections["ints"], np.int32).copy()
    at = fields["tile_table"]
    assert isinstance(at, int)
    assert fields["tiles"] == 3
    table[at + 4 : at + 8] = table[at : at + 4]
    sections["ints"] = table.tobytes()
    _refused_step(with_checksum(GOOD, sections), "tile rows out of range")


def test_tiles_that_leave_output_channels_out() -> None:
    _refused_step(_with_record("cnm", 0, tiles=2), "tiles do not cover the output channels")


def test_a_tile_that_keeps_more_columns_than_there_are() -> None:
    _refused_step(_with_record("cnm", 0, columns=2), "more columns than the layer has")


def test_a_copy_that_would_never_end() -> None:
    endless = {"dims": (2**24,) * 6, "x_strides": (0,) * 6, "y_strides": (0,) * 6}
    _refused_step(_with_record("copy", 0, **endless), "an element is written twice")


def test_sizes_whose_product_overflows() -> None:
    large = 2**24
    changed = {"in_h": large, "x_pitch": large, "x_plane": large, "batch": large}
    _refused_step(_with_record("cnm", 0, **changed, stride_h=1, stride_w=1), "x: data outside its buffer")


def test_a_step_that_writes_to_an_input() -> None:
    fields = records.BUFFER.unpack(open_sections(GOOD)["buffers"][: records.BUFFER.size])
    assert fields["kind"] == records.BUFFER_KINDS.index("input")
    _refused_step(_with_record("pool", 0, y_buffer=0, y_at=0), "y: write to a read-only buffer")


# Steps that repeat for each image of a batch


def _repeated() -> bytes:
    return compile_graph(small_classifier(5), plan="default").data


@pytest.mark.parametrize(
    "changed",
    [
        {"repeats": 0},
        {"repeats": -1},
        {"repeats": 2**31 - 1},
        {"repeats": 2**16 + 1},
        {"repeats": 2**16, "repeat_steps": 2},
        {"repeat_steps": -1},
        {"repeat_steps": 2**20},
    ],
)
def test_repeats_that_cannot_be(changed: dict[str, object]) -> None:
    says = "(repeats|repeat_steps): repeats out of range|no steps are repeated|more steps are .*|steps are .* often"
    _refused(with_program(_repeated(), **changed), f"program 0: ({says})|{MISPLACED}")


@pytest.mark.parametrize("advance", [-1, -(2**62), 2**20, 2**37, 2**62])
def test_buffers_that_would_leave_their_place(advance: int) -> None:
    good = _repeated()
    rows = open_sections(good)["buffers"]
    for at in range(0, len(rows), records.BUFFER.size):
        fields = records.BUFFER.unpack(rows[at : at + records.BUFFER.size])
        moved = records.BUFFER.pack(**fields | {"advance": advance})
        sections = open_sections(good) | {"buffers": rows[:at] + moved + rows[at + records.BUFFER.size :]}
        _refused(with_checksum(good, sections), MISPLACED)
