"""The library under sanitizers: hostile model files with right checksums, and two threads in one network.

The harness (harness.c) is compiled with the system's GCC, whose sanitizers need no more than the compiler.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from built_once import built_once
from layers import (
    CONVOLUTIONS,
    RUNNABLE,
    GraphBuilder,
    model_of,
    program_of,
    random_array,
    small_classifier,
    small_network,
    small_network_candidates,
)
from model_bytes import open_header, open_sections, record_of, with_checksum, with_header, with_program, with_record

from colonnade.elements import DEFAULT
from colonnade.graph.ir import Act, Activation, Concat, Conv
from colonnade.kernels.cnm import LOOKAHEAD
from colonnade.modelfile import records
from colonnade.modelfile.fields import LIMITS, Interval, Place, ViewAt
from colonnade.modelfile.program import View, room_for
from colonnade.modelfile.writer import write
from colonnade.plan.compiler import Shaped, compile_graph, compile_graphs
from colonnade.plan.ways import ALL_STRIPS, Columns, Vertical
from colonnade.runtime.binding import checksum
from colonnade.runtime.build import CSRC, LIBRARY_SOURCES, compile_units
from colonnade.target.targets import Target, target_named
from colonnade.target.toolchain import system_compiler

PORTABLE = "portable"  # an architecture of no instruction set but the generic one, which every library carries
GENERIC = target_named("generic")
SETTINGS = {
    "ASAN_OPTIONS": "allocator_may_return_null=1:max_allocation_size_mb=256",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1",
}
LEAST = -(2**63)
BIG = (2**31 - 1, -(2**31), 2**24, 2**40, 2**62, LEAST)


@dataclass(frozen=True)
class Harness:
    """A compiled harness."""

    program: Path

    def run(self, files: list[Path], threads: int, runs: int = 1) -> None:
        """Fails with what the sanitizer said about the first files it complained of."""
        call = [str(self.program), str(threads), str(runs), *map(str, files)]
        done = subprocess.run(call, env=SETTINGS, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{done.stdout[:2000]}\n{done.stderr[:6000]}"


def _harness(factory: pytest.TempPathFactory, name: str, sanitizers: str, arch: str = PORTABLE) -> Harness:
    def build(folder: Path) -> None:
        compiler = system_compiler("gcc")
        options = ["-O0", "-g", f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all"]
        objects = compile_units(arch, compiler, folder, LIBRARY_SOURCES, options)
        source = Path(__file__).parent / "harness.c"
        target = ["-lm", "-lpthread", "-o", str(folder / "harness")]
        compiler.run([*options, f"-I{CSRC}", str(source), *objects, *target])

    return Harness(built_once(factory, name, build) / "harness")


@pytest.fixture(scope="module")
def memory_checked(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    return _harness(tmp_path_factory, "memory", "address,undefined")


@pytest.fixture(scope="module")
def thread_checked(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    return _harness(tmp_path_factory, "threads", "thread")


@pytest.fixture(scope="module")
def good() -> bytes:
    """With a batch of 2 there are conversions between the orders as well."""
    return model_of(small_network(2), GENERIC, small_network_candidates(2), threads=2).data


@pytest.fixture(scope="module")
def repeated() -> bytes:
    """Steps that run once for each of 4 images."""
    return compile_graph(small_classifier(4), target=GENERIC.name, plan="default").data


def _write(folder: Path, contents: Iterator[bytes]) -> list[Path]:
    paths = []
    for index, content in enumerate(contents):
        paths.append(folder / f"{index}")
        paths[-1].write_bytes(content)
    return paths


def test_no_data_races(thread_checked: Harness, good: bytes, repeated: bytes, tmp_path: Path) -> None:
    for threads in (2, 3):
        thread_checked.run(_write(tmp_path, iter([good, repeated])), threads, runs=50)


def test_no_memory_errors_in_good_files(memory_checked: Harness, good: bytes, repeated: bytes, tmp_path: Path) -> None:
    for threads in (1, 2, 3):
        memory_checked.run(_write(tmp_path, iter([good, repeated])), threads, runs=2)


def test_every_field_of_a_file_with_repeats(memory_checked: Harness, repeated: bytes, tmp_path: Path) -> None:
    memory_checked.run(_write(tmp_path, _single_changes(repeated)), threads=2)
    rng = np.random.default_rng(20)
    memory_checked.run(_write(tmp_path, (_random_changes(repeated, rng) for _ in range(200))), threads=2)
    memory_checked.run(_write(tmp_path, _header_changes(repeated, rng)), threads=2)


def test_every_field_of_every_kind_of_record(memory_checked: Harness, good: bytes, tmp_path: Path) -> None:
    """Each field of the first record of each kind, and of the last convolution (packed): off by one, of the wrong
    sign, and far too large."""
    memory_checked.run(_write(tmp_path, _single_changes(good)), threads=2)


def test_outputs_far_before_their_border(memory_checked: Harness, good: bytes, tmp_path: Path) -> None:
    sections = open_sections(good)
    changed = {"y_border": 1, "y_at": LEAST}
    convolutions = [record for record in records.STEPS if record.name in CONVOLUTIONS]
    firsts = [(record.name, record.unpack(sections[record.name][: record.size])) for record in convolutions]
    files = _write(tmp_path, (_replaced(good, sections, name, 0, values | changed) for name, values in firsts))
    assert len(files) == len(CONVOLUTIONS)
    memory_checked.run(files, threads=2)


def test_lines_of_the_callers_array(memory_checked: Harness, tmp_path: Path) -> None:
    """Whose end no vector may pass."""
    contents = (content for good in _down_the_rows(GENERIC) for content in (good, *_single_changes(good)))
    memory_checked.run(_write(tmp_path, contents), threads=2)


def test_channel_kernels(memory_checked: Harness, tmp_path: Path) -> None:
    """Which read what callers gave element by element."""
    rng = np.random.default_rng(24)
    for number, good in enumerate(_channels(GENERIC)):
        folder = tmp_path / str(number)
        folder.mkdir()
        contents = (content for content in (good, *_single_changes(good)))
        memory_checked.run(_write(folder, contents), threads=2)
        memory_checked.run(_write(folder, (_random_changes(good, rng) for _ in range(200))), threads=2)
        memory_checked.run(_write(folder, (_table_changes(good, rng) for _ in range(200))), threads=2)


def test_chained_steps(memory_checked: Harness, thread_checked: Harness, tmp_path: Path) -> None:
    rng = np.random.default_rng(25)
    good = _chained(GENERIC, (5, 8), [True, False, True, False])
    memory_checked.run(_write(tmp_path, (content for content in (good, *_single_changes(good)))), threads=2)
    memory_checked.run(_write(tmp_path, (_random_changes(good, rng) for _ in range(200))), threads=2)
    thread_checked.run(_write(tmp_path, iter([good])), threads=3, runs=50)


def test_panels_that_end_in_the_middle_of_a_vector(thread_checked: Harness, tmp_path: Path) -> None:
    """The last vector of one panel reads where the first panel of the next plane is written, were they chained."""
    good = _chained(GENERIC, (15, 15), [False, False, False, False])
    thread_checked.run(_write(tmp_path, iter([good])), threads=3, runs=50)


def test_several_programs(memory_checked: Harness, thread_checked: Harness, tmp_path: Path) -> None:
    """One arena and one team for all, and for each thread one more arena where images are shared out."""
    rng = np.random.default_rng(29)
    networks = [Shaped(small_classifier(batch), batch) for batch in (3, 1, 4, 2)]
    good = compile_graphs(networks, target="generic", plan="default").data
    memory_checked.run(_write(tmp_path, (content for content in (good, *_single_changes(good)))), threads=2)
    memory_checked.run(_write(tmp_path, (_random_changes(good, rng) for _ in range(200))), threads=2)
    thread_checked.run(_write(tmp_path, iter([good])), threads=3, runs=20)


def test_slices_side_by_side(thread_checked: Harness, memory_checked: Harness, tmp_path: Path) -> None:
    """A convolution that reads one slice of a concat, past its end, and writes the next one."""
    files = _write(tmp_path, _slices(GENERIC))
    thread_checked.run(files, threads=3, runs=50)
    memory_checked.run(files, threads=2)


def test_several_fields_at_once(memory_checked: Harness, good: bytes, tmp_path: Path) -> None:
    rng = np.random.default_rng(17)
    memory_checked.run(_write(tmp_path, (_random_changes(good, rng) for _ in range(500))), threads=2)


def test_related_fields_at_the_ends_of_their_ranges(
    memory_checked: Harness, good: bytes, repeated: bytes, tmp_path: Path
) -> None:
    """Each in its range, so that only what they have to do with each other is wrong."""
    rng = np.random.default_rng(27)
    files = (_related_changes(data, rng) for _ in range(300) for data in (good, repeated))
    memory_checked.run(_write(tmp_path, files), threads=2)


def test_tables_of_noise(memory_checked: Harness, good: bytes, tmp_path: Path) -> None:
    """Entries of the index tables, which steer every read and write of a convolution."""
    rng = np.random.default_rng(18)
    memory_checked.run(_write(tmp_path, (_table_changes(good, rng) for _ in range(300))), threads=2)


def test_headers_of_noise(memory_checked: Harness, good: bytes, tmp_path: Path) -> None:
    rng = np.random.default_rng(19)
    memory_checked.run(_write(tmp_path, _header_changes(good, rng)), threads=1)


MASKING = [target for target in RUNNABLE if target.isa.masks_lanes]


@pytest.fixture(scope="module")
def whole_machine(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Harness]:
    """One for each instruction set that has lane masks, longer strips than vectors, and whole vectors of lines."""
    return {t.name: _harness(tmp_path_factory, f"memory-{t.name}", "address,undefined", t.arch) for t in MASKING}


@pytest.mark.parametrize("target", MASKING, ids=lambda target: str(target.name))
def test_masks_of_this_machine(whole_machine: dict[str, Harness], target: Target, tmp_path: Path) -> None:
    whole_machine[target.name].run(_write(tmp_path, _crafted_masks(target)), threads=2)


GOODS: dict[str, Callable[[Target], Iterator[bytes]]] = {
    "masked": lambda target: iter([_masked(target)]),
    "fused tails": lambda target: iter([_with_fused_tails(target)]),
    "down the rows": lambda target: _down_the_rows(target),
    "by channels": lambda target: _channels(target),
}


@pytest.mark.parametrize("target", MASKING, ids=lambda target: str(target.name))
@pytest.mark.parametrize("kind", GOODS)
def test_kernels_of_this_machine(whole_machine: dict[str, Harness], kind: str, target: Target, tmp_path: Path) -> None:
    """Files of kernels that only some instruction sets have, changed in every way."""
    for i, good in enumerate(GOODS[kind](target)):
        rng = np.random.default_rng(21 + i)
        folders = [tmp_path / f"{i}-{name}" for name in ("single", "random", "tables")]
        for folder in folders:
            folder.mkdir()
        files = _write(folders[0], iter([good, *_single_changes(good)]))
        files += _write(folders[1], (_random_changes(good, rng) for _ in range(200)))
        files += _write(folders[2], (_table_changes(good, rng) for _ in range(200)))
        whole_machine[target.name].run(files, threads=2)


def _down_the_rows(target: Target) -> Iterator[bytes]:
    """Lines that are copied, and lines that are split."""
    for op, side, m in ((Conv(pads=(1, 1, 1, 1)), 3, 4), (Conv((2, 2), (3, 3, 3, 3)), 7, 5)):
        b = GraphBuilder()
        graph = b.graph(b.conv(op, b.input(1, 3, 9, 5), random_array((5, 3, side, side))))
        yield model_of(graph, target, Vertical(3, 2, m=m, panel=2), threads=2).data


def _channels(target: Target) -> Iterator[bytes]:
    """In place with a stride, without and with sums of blocks and a residual; strips of two lines; one of all lines."""
    candidate = Columns(7, 2, lanes="channels", panel=2)
    for op, sides, kernel in (
        (Conv((2, 2)), (6, 18), 1),
        (Conv((2, 2), residual=True, act=Activation("silu")), (6, 6), 1),
        (Conv(pads=(1, 1, 1, 1), act=Activation(lo=0)), (5, 3), 3),
        (Conv(act=Activation(lo=-1, hi=1)), (4, 8), 1),
    ):
        b = GraphBuilder()
        x = b.input(2, 5, *sides)
        residual = [b.input(2, 9, 3, 3)] if op.residual else []
        graph = b.graph(b.conv(op, x, random_array((9, 5, kernel, kernel)), *residual))
        yield model_of(graph, target, replace(candidate, blocks=1 + op.residual), threads=2).data


def _slices(target: Target) -> Iterator[bytes]:
    """n1 reads what n0 makes, in all ways that read whole vectors where x lies; both are parts of one concat."""
    for op, kernel, candidate in (
        (Conv(), 1, Columns(3, 2)),
        (Conv(pads=(1, 1, 1, 1)), 3, Vertical(3, 2, m=4, panel=1)),
    ):
        b = GraphBuilder()
        first = b.conv(Conv(), b.input(1, 3, 7, 9), random_array((6, 3, 1, 1)))
        second = b.conv(op, first, random_array((6, 6, kernel, kernel), 1))
        whole = b.add(Concat(1), (1, 12, 7, 9), first, second)
        graph = b.graph(b.add(Act(Activation("silu")), (1, 12, 7, 9), whole))
        yield model_of(graph, target, {"n0": Columns(3, 2), "n1": candidate}, threads=3).data
    yield _slices_of_a_chain(target)


def _slices_of_a_chain(target: Target) -> bytes:
    """What n1 reads and what n2 makes of it lie side by side: n1 reads past its input where n2 would be writing."""
    b = GraphBuilder()
    first = b.conv(Conv(), b.input(1, 3, 8, 12), random_array((6, 3, 1, 1)))
    inner = b.conv(Conv(), first, random_array((6, 6, 1, 1), 1))
    last = b.conv(Conv(), inner, random_array((6, 6, 1, 1), 2))
    whole = b.add(Concat(1), (1, 12, 8, 12), first, last)
    graph = b.graph(b.add(Act(Activation("silu")), (1, 12, 8, 12), whole))
    steps = [step for step in program_of(graph, target, Columns(3, 2), chains={"n1"}).steps if step.op == "cnm"]
    assert not any(step.chained for step in steps)
    return model_of(graph, target, Columns(3, 2), threads=3, chains={"n1"}).data


def _chained(target: Target, sides: tuple[int, int], expected: list[bool]) -> bytes:
    """Two pairs: the second of the first pair is read by the first of the next. expected: which are chained."""
    b = GraphBuilder()
    x = b.input(1, 3, *sides)
    for rows in (6, 4, 7, 5):
        x = b.conv(Conv(), x, random_array((rows, b.shape(x)[1], 1, 1)))
    chosen, chains = {f"n{i}": Columns(3, 2, panel=2, blocks=1 + i // 2) for i in range(4)}, {"n0", "n2"}
    data = model_of(b.graph(x), target, chosen, threads=2, chains=chains).data
    steps = [step for step in program_of(b.graph(x), target, chosen, chains=chains).steps if step.op == "cnm"]
    assert [step.chained for step in steps] == expected
    return data


def _masked(target: Target) -> bytes:
    b = GraphBuilder()
    y = b.conv(Conv(pads=(1, 1, 1, 1)), b.input(2, 20, 5, 7), random_array((9, 20, 3, 3)))
    y = b.conv(Conv((2, 2), (1, 1, 1, 1)), y, random_array((6, 9, 3, 3)))
    return model_of(b.graph(y), target, Columns(4, 2, access="lane masks", blocks=2), threads=2).data


def _with_fused_tails(target: Target) -> bytes:
    """With sums of blocks, through edges, under masks."""
    b = GraphBuilder()
    y = b.conv(Conv(act=Activation("silu")), b.input(1, 20, 6, 6), random_array((8, 20, 1, 1)))
    y = b.conv(Conv(pads=(1, 1, 1, 1), residual=True), y, random_array((8, 8, 3, 3)), y)
    candidate = Columns(8, 2, panel=ALL_STRIPS, blocks=2)
    return model_of(
        b.graph(y), target, {"n0": candidate, "n1": replace(candidate, access="lane masks")}, threads=2
    ).data


def _crafted_masks(target: Target) -> Iterator[bytes]:
    """A kernel of a size beyond all bounds where there are no masks; columns so far before the data that the phase they
    would be of is far before the table of phases."""
    b = GraphBuilder()
    graph = b.graph(b.conv(Conv((2, 2), (0, 0, 1, 1)), b.input(1, 1, 4, 4), random_array((2, 1, 3, 3))))
    for masked in (False, True):
        program = program_of(graph, target, Columns(2, 2, access="lane masks" if masked else "direct"))
        (step,) = (step for step in program.steps if step.op == "cnm")
        fields, constants = step.fields, program.constants
        if masked:
            phases, plane = 4096, fields["plane"]
            count = fields["off_count"]
            assert isinstance(plane, int)
            assert isinstance(count, int)
            far = np.full(count + LOOKAHEAD, -4 * (plane * (phases - 1) + 1))
            fields |= {"phases": phases, "off_table": constants.add_ints(far)}
            fields["phase_table"] = constants.add_ints(np.zeros(2 * phases, np.int64))
            step.views["prepared"] = View(room_for(phases * plane, DEFAULT))
        else:
            fields |= {"kernel_h": 2**31 - 1, "kernel_w": 2**31 - 1}
        yield write(program, checksum)


def _single_changes(good: bytes) -> Iterator[bytes]:
    sections = open_sections(good)
    for name, record in records.SECTION_RECORDS.items():
        count = len(sections[name]) // record.size
        chosen = {0, count - 2} if name == "cnm" else {0}
        for index in sorted(chosen & set(range(count))):
            values = record.unpack(sections[name][index * record.size :][: record.size])
            for field in record.fields:
                if field.type in ("i32", "i64"):
                    for changed in _other_values(field, values[field.name]):
                        yield _replaced(good, sections, name, index, values | {field.name: changed})


def _other_values(field: records.Field, old: object) -> Iterator[object]:
    limit = 2 ** (31 if field.type == "i32" else 63)
    if isinstance(old, tuple):
        for place in range(len(old)):
            yield from ((*old[:place], value, *old[place + 1 :]) for value in (old[place] + 1, -1, 2**40))
    elif isinstance(old, int):
        for value in (old + 1, old - 1, 0, -1, 2 * old + 7, *BIG):
            if value != old and -limit <= value < limit:
                yield value


def _replaced(good: bytes, sections: dict[str, bytes], name: str, index: int, values: dict[str, object]) -> bytes:
    record, data = records.SECTION_RECORDS[name], sections[name]
    begin = index * record.size
    return with_checksum(good, {**sections, name: data[:begin] + record.pack(**values) + data[begin + record.size :]})


def _random_changes(good: bytes, rng: np.random.Generator) -> bytes:
    """Up to four fields of any records take near, round or borrowed values."""
    for _ in range(rng.integers(2, 5)):
        sections = open_sections(good)
        known = {name: record for name, record in records.SECTION_RECORDS.items() if sections[name]}
        often = next(name for name in CONVOLUTIONS if name in known)
        name = str(rng.choice([*known, often, often, often, "buffers"]))
        record = known[name]
        index = int(rng.integers(len(sections[name]) // record.size))
        values = record.unpack(sections[name][index * record.size :][: record.size])
        numbers = [value for value in values.values() if isinstance(value, int)]
        fields = [field for field in record.fields if field.type in ("i32", "i64") and field.count == 1]
        field = fields[rng.integers(len(fields))]
        old = values[field.name]
        assert isinstance(old, int)
        steps = [old + int(rng.integers(-9, 10)), int(rng.choice(numbers)), int(rng.integers(64)), old * 2, old // 2]
        limit = 2 ** (31 if field.type == "i32" else 63)
        changed = min(max(steps[rng.integers(len(steps))], -limit), limit - 1)
        good = _replaced(good, sections, name, index, values | {field.name: changed})
    return good


def _related_changes(good: bytes, rng: np.random.Generator) -> bytes:
    """Two to six fields of one record at or near an end of their range, or equal to each other; now and then a buffer
    that moves with each repeat, too."""
    sections = open_sections(good)
    name = str(rng.choice([name for name, data in sections.items() if name in records.OPCODES and data]))
    record = record_of(name)
    index = int(rng.integers(len(sections[name]) // record.size))
    fields = [f for f in record.fields if isinstance(f.range, Interval | Place | ViewAt) and f.count == 1]
    chosen = rng.choice(len(fields), size=min(int(rng.integers(2, 7)), len(fields)), replace=False)
    common = int(rng.integers(1, 2**24))
    changes = {}
    for field in (fields[i] for i in chosen):
        low, high = _ends(field)
        near = [low, low, low + 1, high, high - 1, min(max(common, low), high), int(rng.integers(low, low + 64))]
        changes[field.name] = near[rng.integers(len(near))]
    good = with_record(good, name, index, **changes)
    if rng.integers(3) == 0:
        buffer = int(rng.integers(len(sections["buffers"]) // records.BUFFER.size))
        good = with_record(good, "buffers", buffer, advance=int(rng.integers(0, 4000)))
    return good


def _ends(field: records.Field) -> tuple[int, int]:
    """Of a field's range, about: limits of micro-kernels count as 31."""
    if not isinstance(field.range, Interval):
        return 0, 2**38
    low, high = (LIMITS.get(end, 31) if isinstance(end, str) else end for end in (field.range.low, field.range.high))
    return low, high


def _table_changes(good: bytes, rng: np.random.Generator) -> bytes:
    sections = open_sections(good)
    table = np.frombuffer(sections["ints"], np.int32).copy()
    for _ in range(rng.integers(1, 4)):
        at = rng.integers(table.size)
        near = min(max(int(table[at]) + int(rng.integers(-300, 300)), -(2**31)), 2**31 - 1)
        far = int(rng.choice(BIG[:3]))
        table[at] = rng.choice([near, far, 0, table[rng.integers(table.size)]])
    return with_checksum(good, {**sections, "ints": table.tobytes()})


def _header_changes(good: bytes, rng: np.random.Generator) -> Iterator[bytes]:
    header = open_header(good)
    for name in ("section_at", "section_count"):
        old = header[name]
        assert isinstance(old, tuple)
        for place in range(len(old)):
            near = old[place] + int(rng.integers(-70, 70))
            for value in (0, old[place] + 1, old[place] + 64, max(near, 0), 2**31, 2**63, 2**64 - 64):
                yield with_header(good, **{name: (*old[:place], value, *old[place + 1 :])})
    for arena in (0, -1, 1, 16, 2**38, 2**38 + 1, 2**63 - 1, -(2**63)):
        yield with_program(good, arena_bytes=arena)
    for repeats in (0, -1, 2, 3, 5, 2**16, 2**31 - 1, -(2**31)):
        yield with_program(good, repeats=repeats)
        yield with_program(good, repeat_steps=repeats)
