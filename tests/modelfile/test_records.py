"""The records of a model file, and what the header and checksum promise."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layers import RUNNABLE, model_of, small_network, small_network_candidates

from colonnade.elements import DEFAULT
from colonnade.errors import ColonnadeError
from colonnade.kernels.shapes import SLACK, shapes
from colonnade.modelfile import records
from colonnade.modelfile.program import Constants
from colonnade.runtime.binding import checksum
from colonnade.target.isa import ISAS

EVERY_RECORD = (records.HEADER, *records.SECTION_RECORDS.values())
_LIMITS = {"i32": (-(2**31), 2**31 - 1), "i64": (-(2**63), 2**63 - 1), "u64": (0, 2**64 - 1)}


def _value(field: records.Field) -> st.SearchStrategy[object]:
    if field.type == "char":
        return st.binary(min_size=field.count, max_size=field.count)
    if field.type == "f32":
        single: st.SearchStrategy[object] = st.floats(width=32, allow_nan=False)
    else:
        low, high = _LIMITS[field.type]
        single = st.integers(low, high)
    return st.tuples(*[single] * field.count) if field.count > 1 else single


@pytest.mark.parametrize("record", EVERY_RECORD, ids=lambda record: record.name)
def test_round_trip(record: records.Record) -> None:
    @given(st.fixed_dictionaries({field.name: _value(field) for field in record.fields}))
    def check(values: dict[str, object]) -> None:
        data = record.pack(**values)
        assert len(data) == record.size
        assert record.unpack(data) == values

    check()


@pytest.mark.parametrize("record", EVERY_RECORD, ids=lambda record: record.name)
def test_wide_fields_are_aligned(record: records.Record) -> None:
    """No padding, so that C and Python agree on every offset."""
    assert record.size % 8 == 0
    at = 0
    for field in record.fields:
        size = {"i32": 4, "f32": 4, "i64": 8, "u64": 8, "char": 1}[field.type]
        assert at % size == 0, field.name
        at += size * field.count


def test_wrong_fields_are_refused() -> None:
    with pytest.raises(TypeError, match="bytes"):
        records.BUFFER.pack(offset=0, kind=0, element=0)
    with pytest.raises(TypeError, match="more"):
        records.BUFFER.pack(offset=0, bytes=0, kind=0, element=0, more=0)


def test_numbers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(struct.error):
        records.BUFFER.pack(offset=0, bytes=0, advance=0, kind=2**31, element=0)
    with pytest.raises(ColonnadeError, match="larger than 2 GiB; use a smaller batch or image"):
        Constants().add_ints(np.array([2**31]))


@pytest.mark.parametrize(
    ("data", "digest"),
    [
        (b"", 0xEF46DB3751D8E999),
        (b"a", 0xD24EC4F1A98C6E5B),
        (b"abc", 0x44BC2CF5AD770999),
        (b"Nobody inspects the spammish repetition", 0xFBCEA83C8A378BF1),
    ],
)
def test_checksum_is_xxh64(data: bytes, digest: int) -> None:
    """Published values of XXH64 with seed 0."""
    assert checksum(data) == digest


@given(st.binary(max_size=100), st.data())
def test_checksum_sees_every_bit(data: bytes, draws: st.DataObject) -> None:
    if data:
        at, bit = draws.draw(st.integers(0, len(data) - 1)), draws.draw(st.integers(0, 7))
        changed = bytearray(data)
        changed[at] ^= 1 << bit
        assert checksum(bytes(changed)) != checksum(data)


def test_equal_tables_are_stored_once() -> None:
    constants = Constants()
    first = constants.add_ints(np.array([1, 2, 3]))
    assert constants.add_ints(np.array([4])) != first
    assert constants.add_ints(np.array([1, 2, 3])) == first
    assert np.frombuffer(constants.pools()[1], np.int32).tolist() == [1, 2, 3, 4]


def test_constants_start_at_cache_lines() -> None:
    constants = Constants()
    starts = [constants.add(np.ones(size, np.float32), DEFAULT) for size in (1, 16, 17)]
    assert starts == [0, 64, 128]
    assert len(constants.pools()[0]) == 256


def test_a_strip_never_reads_further_than_the_slack() -> None:
    for isa in ISAS:
        assert max(shape.vectors for shape in shapes(isa)) * isa.vector_bytes <= SLACK


def test_a_file_is_its_header_and_sections() -> None:
    data = model_of(small_network(), RUNNABLE[-1], small_network_candidates(1)).data
    header = records.HEADER.unpack(data[: records.HEADER.size])
    assert header["magic"] == records.MAGIC
    assert header["file_bytes"] == len(data)
    assert header["checksum"] == checksum(data[16:])
    ends = records.HEADER.size
    for name, at, count in zip(records.SECTIONS, header["section_at"], header["section_count"], strict=True):
        assert at % records.ALIGNMENT == 0
        assert ends <= at < ends + records.ALIGNMENT
        ends = at + count * records.element_bytes(name)
    assert ends <= len(data) < ends + records.ALIGNMENT


def test_the_same_program_gives_the_same_bytes() -> None:
    first, second = (model_of(small_network(2), RUNNABLE[-1], small_network_candidates(2)).data for _ in range(2))
    assert first == second
