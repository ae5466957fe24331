"""Model files whose related fields were changed together, so that each looks right by itself: refused, with the reason.

`test_ranges.py` changes one field at a time, `test_sanitizers.py` runs what is accepted.
"""

from __future__ import annotations

import numpy as np
import pytest
from layers import (
    RUNNABLE,
    Compiled,
    GraphBuilder,
    model_of,
    random_array,
    small_classifier,
    small_network,
    small_network_candidates,
)
from model_bytes import open_program, open_sections, record_of, with_checksum, with_program, with_record

from colonnade.errors import ColonnadeError
from colonnade.graph.ir import RELU, Act, Conv, GlobalPool
from colonnade.kernels.shapes import SLACK
from colonnade.modelfile import records
from colonnade.plan.compiler import compile_graph
from colonnade.plan.ways import Columns, Vertical, Windows
from colonnade.runtime.session import Session
from colonnade.target.targets import Target, target_named

GENERIC = target_named("generic")
MOST = 2**24  # of a side of an image


def _refused(data: bytes, says: str) -> None:
    with pytest.raises(ColonnadeError, match=f"^compiled model: {says}$"):
        Session(Compiled(data), threads=2)


def _refused_step(data: bytes, says: str) -> None:
    _refused(data, f"step [0-9]+ '[^']*': {says}")


def _fields(data: bytes, section: str, index: int = 0) -> dict[str, object]:
    record = record_of(section)
    return record.unpack(open_sections(data)[section][index * record.size :][: record.size])


# Global pools


def _global_pool(side: int) -> bytes:
    b = GraphBuilder()
    return model_of(b.graph(b.add(GlobalPool("avg"), (1, 1, 1, 1), b.input(1, 1, side, side))), GENERIC).data


@pytest.mark.parametrize(
    ("side", "changed"),
    [
        (4, {"planes": 1, "height": 65536, "width": 65536}),
        (4, {"planes": 1, "height": 2**21, "width": 2**21}),
        (4, {"planes": 1, "height": MOST, "width": MOST}),
        (305, {"height": 46341, "width": 46341, "y_at": 2**33}),
        (305, {"height": 46341, "width": 46341}),
    ],
)
def test_planes_of_which_every_row_is_the_same(side: int, changed: dict[str, object]) -> None:
    """Rows one float apart: the plane lies in the buffer, but not the product of its sides."""
    data = with_record(_global_pool(side), "global_pool", 0, x_pitch=1, x_plane=1, **changed)
    _refused_step(data, "size out of range|y: data outside its buffer")


# Repeats


def _repeated() -> bytes:
    return compile_graph(small_classifier(4), target="generic", plan="default").data


def test_the_last_image_keeps_its_slack() -> None:
    """Each image of a repeated step may read as far past its data as the first."""
    data = _repeated()
    program, buffers = open_program(data), open_sections(data)["buffers"]
    refused = 0
    for index in range(len(buffers) // records.BUFFER.size):
        fields = _fields(data, "buffers", index)
        if fields["kind"] == records.BUFFER_KINDS.index("arena"):
            room = program["arena_bytes"] - fields["offset"] - fields["bytes"]  # type: ignore[operator]
            repeats = program["repeats"]
            assert isinstance(repeats, int)
            changed = with_record(data, "buffers", index, advance=room // (repeats - 1) // 4 * 4)
            _refused(changed, "buffer [0-9]+: outside the arena")
            refused += 1
    assert refused > 2


def _last_column(data: bytes, offset: int) -> bytes:
    """With the last column of the last unpacked convolution so many bytes after the first."""
    sections = open_sections(data)
    count = len(sections["cnm"]) // records.STEPS[0].size
    fields = next(f for f in (_fields(data, "cnm", i) for i in reversed(range(count))) if not f["packed"])
    table = np.frombuffer(sections["ints"], np.int32).copy()
    table[fields["off_table"] + fields["off_count"] - 1] = offset  # type: ignore[operator]
    return with_checksum(data, sections | {"ints": table.tobytes()})


def test_columns_that_end_after_their_own_storage() -> None:
    """The arena goes on, but with what belongs to others."""
    b = GraphBuilder()
    x = b.conv(Conv(), b.input(1, 2, 4, 4), random_array((2, 2, 1, 1)))
    y = b.conv(Conv(), x, random_array((1000, 2, 1, 1), 1))
    z = b.conv(Conv(), x, random_array((1, 2, 1, 1), 2))
    data = model_of(b.graph(b.add(Act(RELU), (1, 1000, 4, 4), y), z), GENERIC, Columns(2, 1)).data
    assert open_program(data)["arena_bytes"] > 4 * 16000  # type: ignore[operator]
    slack = SLACK // 4
    for end in (32, 32 + slack):
        Session(Compiled(_last_column(data, 4 * (end - 16))))
    for end in (32 + slack + 1, 8000):
        _refused_step(_last_column(data, 4 * (end - 16)), "column outside the data")


def test_windows_that_end_after_their_own_storage() -> None:
    """A depthwise step that reads x as it is, from a place near the end of the arena."""
    b = GraphBuilder()
    x = b.conv(Conv(), b.input(1, 2, 9, 9), random_array((30, 2, 1, 1)))
    inner = b.conv(Conv(groups=30), x, random_array((30, 1, 3, 3), 1))
    y = b.conv(Conv(), inner, random_array((1000, 30, 1, 1), 2))
    candidates = {"n0": Columns(2, 1), "n1": Windows(2, 1), "n2": Columns(2, 1)}
    data = model_of(b.graph(y), GENERIC, candidates).data
    assert _fields(data, "depthwise")["direct"] == 1
    size = _fields(data, "buffers", _fields(data, "depthwise")["x_buffer"])["bytes"]  # type: ignore[arg-type]
    assert size == 4 * 30 * 81
    for at in (size, size - 4, SLACK + 36):
        _refused_step(with_record(data, "depthwise", 0, x_at=at), "x: data outside its buffer")


@pytest.mark.parametrize("kernel_w", [17, 300, 4096])
def test_weight_lines_that_lie_beyond_their_plane(kernel_w: int) -> None:
    """Columns of a kernel wider than a plane of the transforms: the last ones lie in the next plane, or past all."""
    b = GraphBuilder()
    x = b.conv(Conv(), b.input(1, 2, 5, 5), random_array((1, 2, 1, 1)))
    inner = b.conv(Conv(pads=(1, 1, 1, 1)), x, random_array((1, 1, 3, 3), 1))
    y = b.conv(Conv(), inner, random_array((40000, 1, 1, 1), 2))  # constants enough for such a kernel
    data = model_of(b.graph(y), GENERIC, {"n0": Columns(1, 1), "n1": Vertical(1, 1, 4, 1), "n2": Columns(1, 1)}).data
    _refused_step(with_record(data, "vertical", 0, kernel_w=kernel_w, weights=0), "column outside the data")


@pytest.mark.parametrize("repeats", [2, 4, 2**16])
def test_repeats_of_no_steps(repeats: int) -> None:
    """Their claims would be counted where there is no counter, or where another step counts."""
    _refused(with_program(_repeated(), repeat_steps=0), "program 0: no steps are repeated")
    single = compile_graph(small_classifier(1), target="generic", plan="default").data
    _refused(with_program(single, repeats=repeats), "program 0: no steps are repeated")
    _refused(with_program(single, steps=0, repeats=repeats), "program 0: no steps are repeated")


# Fields of which nothing was known


@pytest.mark.parametrize("width", [0, -1, 2**31 - 1, -(2**31), MOST + 1])
@pytest.mark.parametrize("direct", [False, True])
def test_the_width_of_a_depthwise_input(direct: bool, width: int) -> None:
    candidate = Windows(2, 1)
    b = GraphBuilder()
    strides = (1, 1) if direct else (2, 2)
    x = b.conv(Conv(), b.input(1, 2, 9, 9), random_array((6, 2, 1, 1)))
    graph = b.graph(b.conv(Conv(strides, groups=6), x, random_array((6, 1, 3, 3), 1)))
    data = model_of(graph, GENERIC, {"n0": Columns(2, 1), "n1": candidate}).data
    assert _fields(data, "depthwise")["direct"] == direct
    _refused_step(with_record(data, "depthwise", 0, in_w=width), "in_w: size out of range")


# Products that overflow, in every kind of step

SIDES = {"channels", "planes", "outer", "rows", "batch", "height", "width", "in_h", "in_w", "out_h", "out_w"} | {
    "inner",
    "columns",
    "outputs",
    "count",
}
APART = {"x_pitch", "x_plane", "y_pitch", "y_plane", "pitch", "plane"}
GOOD = model_of(small_network(2), GENERIC, small_network_candidates(2), threads=2).data


@pytest.mark.parametrize(
    "record", [r for r in records.STEPS if r.name not in ("copy", "map", "reduce")], ids=lambda r: r.name
)
@pytest.mark.parametrize("large", [2**15, 2**20, MOST], ids=str)
def test_sizes_whose_products_overflow(record: records.Record, large: int) -> None:
    """All sizes of a record at once, with rows and planes one float apart, so that only products can tell."""
    names = {field.name for field in record.fields}
    for step in (1, large):
        changed = dict.fromkeys(names & SIDES, large) | dict.fromkeys(names & APART, step)
        _refused_step(with_record(GOOD, record.name, 0, **changed), ".+")


def test_a_copy_of_products_that_overflow() -> None:
    for dims, strides in (((2**12,) * 6, (0,) * 6), ((2**37, 2, 1, 1, 1, 1), (2**37, 1, 1, 1, 1, 1))):
        _refused_step(with_record(GOOD, "copy", 0, dims=dims, x_strides=strides, y_strides=strides), ".+")


@pytest.mark.parametrize(
    ("dims", "strides"), [((2**12,) * 6, (0,) * 6), ((2**37, 2, 1, 1, 1, 1), (2**37, 1, 1, 1, 1, 1))]
)
def test_a_map_of_products_that_overflow(dims: tuple[int, ...], strides: tuple[int, ...]) -> None:
    changed = {"dims": dims} | {f"{view}_strides": strides for view in "aby"}
    _refused_step(with_record(GOOD, "map", 0, **changed), ".+")


@pytest.mark.parametrize("large", [2**12, 2**37])
def test_a_reduction_of_products_that_overflow(large: int) -> None:
    for sizes in ("kept", "reduced"):
        _refused_step(with_record(GOOD, "reduce", 0, **{sizes: (large,) * 4, f"{sizes}_strides": (0,) * 4}), ".+")
        _refused_step(with_record(GOOD, "reduce", 0, **{sizes: (2, 2, 2, 2), f"{sizes}_strides": (large,) * 4}), ".+")


def test_a_map_reads_and_writes_its_own_registers() -> None:
    """Operations, registers that are written, and those that are read, one number too far on each side."""
    fields = _fields(GOOD, "map")
    own = fields["inputs"] + fields["constant_count"]  # type: ignore[operator]
    for place, values in {0: (-1, 10**6), 1: (-1, own - 1, fields["registers"]), 2: (-1, fields["registers"])}.items():
        for value in values:
            sections = open_sections(GOOD)
            table = np.frombuffer(sections["ints"], np.int32).copy()
            table[fields["code"] + place] = value  # type: ignore[operator]
            _refused_step(
                with_checksum(GOOD, sections | {"ints": table.tobytes()}),
                "(no such operation|a register that cannot be (written|read))",
            )


def test_a_view_of_nothing_lies_nowhere() -> None:
    """An absent residual has no place."""
    assert _fields(GOOD, "cnm")["r_buffer"] == -1
    for at in (1, -1, 2**40):
        _refused_step(with_record(GOOD, "cnm", 0, r_at=at), "r: a place in no buffer")
    _refused_step(with_record(GOOD, "cnm", 0, r_buffer=-2), "r: unknown buffer")


# Strips


def _two_lines() -> bytes:
    """A convolution whose only strip holds two lines of 5, apart in x and side by side in y."""
    b = GraphBuilder()
    graph = b.graph(b.conv(Conv(), b.input(1, 2, 3, 6), random_array((3, 2, 2, 2))))
    return model_of(graph, GENERIC, Columns(3, 3)).data


def _changed_strip(data: bytes, table: str, index: int = 0, **values: int) -> bytes:
    """The file with fields of one strip or segment of its only convolution changed."""
    record = records.STRIP if table == "strip_table" else records.SEGMENT
    sections = open_sections(data)
    at = 4 * _fields(data, "cnm")[table] + index * record.size  # type: ignore[operator]
    ints = bytearray(sections["ints"])
    ints[at : at + record.size] = record.pack(**{**record.unpack(bytes(ints[at : at + record.size])), **values})
    return with_checksum(data, sections | {"ints": bytes(ints)})


@pytest.mark.parametrize(
    ("table", "values", "says"),
    [
        ("strip_table", {"y": 6}, "outputs out of order"),  # with `full` 0 only segments were known to lie inside
        ("strip_table", {"y": -6}, "outputs out of order"),
        ("strip_table", {"lead": 1}, "lanes out of order|outputs out of order"),
        ("strip_table", {"span": 12}, "lanes out of order"),
        ("strip_table", {"vectors": 0}, "no such micro-kernel"),
        ("strip_table", {"vectors": 4}, "no such micro-kernel"),
        ("strip_table", {"vectors": 1}, "more lanes than the micro-kernel has"),
        ("strip_table", {"tail": 1}, "no such micro-kernel|more lanes.*"),
        ("strip_table", {"first": 1}, "segments out of order"),
        ("strip_table", {"segments": 3}, "segments out of order"),
        ("strip_table", {"full": 1}, "outputs outside their plane"),
        ("strip_table", {"x": 2**30}, "column outside the data"),
        ("strip_table", {"x": -1}, "column outside the data"),
        ("segment_table", {"y": 2**30}, "outputs outside their plane"),
        ("segment_table", {"len": 2**23}, "outputs outside their plane|lanes out of order"),
        ("segment_table", {"gap": 2**30}, "outputs outside their plane"),
        ("segment_table", {"lane": 2}, "lanes out of order"),
        ("segment_table", {"gap": -1}, "gap: size out of range"),
        ("segment_table", {"x": -1}, "x: position out of range"),
    ],
)
def test_strips_that_do_not_fit_their_segments(table: str, values: dict[str, int], says: str) -> None:
    data = _two_lines()
    Session(Compiled(data))
    _refused_step(_changed_strip(data, table, **values), says)


@pytest.mark.parametrize("target", [t for t in RUNNABLE if t.isa.masks_lanes], ids=lambda target: target.name)
def test_lanes_that_lie_outside_the_data(target: Target) -> None:
    """A strip whose first lanes are padding may lie before the data, but not by one float more; nor after it."""
    b = GraphBuilder()
    graph = b.graph(b.conv(Conv(pads=(1, 1, 1, 1)), b.input(1, 2, 3, 6), random_array((3, 2, 3, 3))))
    data = model_of(graph, target, Columns(3, 3, access="lane masks")).data
    Session(Compiled(data))
    for x in (-8, -6, 2**30, -(2**24)):
        _refused_step(_changed_strip(data, "strip_table", x=x), "column outside the data")


def test_strips_of_channels_are_lines() -> None:
    """Equal lines, as far apart as their kernel takes them to be."""
    b = GraphBuilder()
    graph = b.graph(b.conv(Conv(), b.input(1, 2, 4, 3), random_array((3, 2, 1, 2))))
    data = model_of(graph, GENERIC, Columns(8, 2, lanes="channels")).data
    assert _fields(data, "cnm")["by_channels"]
    for table, values in (("strip_table", {"x": 1}), ("strip_table", {"y": 1}), ("segment_table", {"x": 1})):
        _refused_step(_changed_strip(data, table, **values), "(lines|outputs) out of order")
    _refused_step(_changed_strip(data, "segment_table", len=31), "no such micro-kernel|outputs outside their plane")
