"""One minute of fuzzing, what it starts from, and files that were once found or crafted."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from built_once import built_once
from changes import Change, accepted, apply, differences, fewest, mended
from field_table import RECORDS, role_of
from fuzzer import Outcome, build_fuzzer, complaint, rebuild_fuzzer, run_fuzzer, write_corpus
from model_bytes import open_program, open_sections
from recipes import GENERIC, build, files_of

from colonnade.modelfile import records
from colonnade.modelfile.fields import Place, ViewAt
from colonnade.runtime.build import CSRC

SECONDS = 60
ACCEPTED = 0.1  # of the files tried, at least

OF_ALL_STEPS = ("act", "arithmetic", "reserved")
# As the generic instruction set has no lane masks, and Winograd's filters are all for 3 x 3.
CONSTANT = ["cnm.lane_mask_blocks", "cnm.lane_masked", "winograd.kernel"]


@dataclass(frozen=True)
class Regression:
    """A recipe with changes. refused: the library must not open it; else it may, but then it runs without complaint."""

    recipe: str
    changes: tuple[Change, ...]
    refused: bool


def _regressions() -> Iterator[tuple[str, Regression]]:
    for path in sorted((Path(__file__).parent / "corpus").glob("*.json")):
        told = json.loads(path.read_text())
        assert set(told) == {"why", "recipe", "refused", "changes"}
        yield path.stem, Regression(told["recipe"], tuple(tuple(c) for c in told["changes"]), told["refused"])


REGRESSIONS = dict(_regressions())


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_once(tmp_path_factory, "fuzzer", build_fuzzer) / "fuzzer"


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """Of every recipe."""
    return files_of(GENERIC)


@pytest.fixture(scope="module")
def fields(files: dict[str, bytes]) -> dict[str, set[object]]:
    """The values that every field of every step takes in the corpus, by `record.field`."""
    found: dict[str, set[object]] = defaultdict(set)
    for data in files.values():
        sections = open_sections(data)
        for step in records.STEPS:
            for at in range(0, len(sections[step.name]), step.size):
                for field, value in step.unpack(sections[step.name][at : at + step.size]).items():
                    found[f"{step.name}.{field}"].add(value)
    return found


def test_every_kind_of_step(fields: dict[str, set[object]]) -> None:
    assert {name.partition(".")[0] for name in fields} == {step.name for step in records.STEPS}


def test_every_way_to_run_it(fields: dict[str, set[object]]) -> None:
    """Every size, flag and choice differs somewhere, so that whatever depends on one is met."""
    chosen = [(step.name, field) for step in records.STEPS for field in step.fields if role_of(field) == "NUMBER"]
    sizes = [(step, field.name) for step, field in chosen if not isinstance(field.range, ViewAt | Place)]
    names = [f"{step}.{name}" for step, name in sizes if name not in OF_ALL_STEPS]
    assert sorted(name for name in names if len(fields[name]) == 1) == CONSTANT
    activations = {value for step in records.STEPS for value in fields.get(f"{step.name}.act", ())}
    assert activations == set(range(len(records.ACTIVATIONS)))


def test_batches(files: dict[str, bytes]) -> None:
    """Of 1 and of 3, image by image and at once, and every kind of buffer."""
    assert {1, 3} <= {open_program(data)["repeats"] for data in files.values()}
    kinds = set()
    for data in files.values():
        rows = open_sections(data)["buffers"]
        for at in range(0, len(rows), records.BUFFER.size):
            kinds.add(records.BUFFER.unpack(rows[at : at + records.BUFFER.size])["kind"])
    assert kinds == set(range(len(records.BUFFER_KINDS)))


def test_recipes_are_small(files: dict[str, bytes]) -> None:
    assert max(map(len, files.values())) < 1 << 14


def test_the_same_file_every_time(files: dict[str, bytes]) -> None:
    assert files_of(GENERIC) == files


def test_the_mutators_table() -> None:
    """It knows where buffers and tables are, in whatever way records are described."""
    roles = {f"{name}.{field.name}": role_of(field) for name, record in RECORDS.items() for field in record.fields}
    assert roles["cnm.x_buffer"] == "BUFFER"
    assert roles["cnm.y_buffer"] == "WRITTEN"
    assert roles["cnm.off_table"] == "TABLE"
    assert roles["programs.arena_bytes"] == roles["buffers.bytes"] == "NUMBER"
    assert roles["header.checksum"] == roles["fill.value"] == "KEPT"


# Changes to a file


def test_changes_one_after_the_other() -> None:
    base = build("classifier of 4")
    changes: list[Change] = [
        ("programs", 0, "repeats", 2),
        ("cnm", 0, "x_buffer.kind", 3),
        ("cnm", 1, "off_table[2]", 44),
        ("cnm", 2, "strip_table[1].span", 5),
    ]
    changed = apply(base, changes)
    assert open_program(changed)["repeats"] == 2
    found = differences(base, changed)
    assert {*found} == {changes[0], ("buffers", 0, "kind", 3), *changes[2:]}
    assert apply(base, found) == changed == mended(changed)


@pytest.mark.parametrize("change", [("cnm", 9, "rows", 1), ("cnm", 0, "no_such", 1), ("copy", 0, "dims[6]", 1)])
def test_a_change_to_what_is_not_there(change: Change) -> None:
    with pytest.raises(LookupError):
        apply(build("direct"), [change])


def test_edges() -> None:
    """The largest number that is accepted: with one more the file is refused."""
    base = build("classifier of 4")
    largest = apply(base, [("cnm", 1, "off_table[53]", "largest")])
    ((*_, offset),) = differences(base, largest)
    assert isinstance(offset, int)
    assert accepted(largest)
    assert not accepted(apply(base, [("cnm", 1, "off_table[53]", offset + 4)]))


def test_the_fewest_changes() -> None:
    changes: list[Change] = [("programs", 0, "repeats", number) for number in range(9)]
    needed = {changes[2], changes[7]}
    assert fewest(changes, lambda kept: needed <= set(kept)) == [changes[2], changes[7]]


# Under sanitizers


@pytest.mark.parametrize("name", REGRESSIONS)
def test_regressions(program: Path, tmp_path: Path, name: str) -> None:
    regression = REGRESSIONS[name]
    file = tmp_path / name
    file.write_bytes(apply(build(regression.recipe), regression.changes))
    assert not complaint(program, file)
    assert accepted(file.read_bytes()) != regression.refused


def test_what_only_the_guard_sees(program: Path, tmp_path: Path) -> None:
    """A step that writes one float into the slack after its buffer, as a check that lets it would have it do."""
    source = (CSRC / "steps" / "fill.c").read_text()
    right, wrong = "CLN_VIEW(y, s->count)", "CLN_VIEW(y, s->count - 1)"
    assert right in source
    file = tmp_path / "file"
    file.write_bytes(apply(build("borders"), [("fill", 0, "count", 321)]))
    assert not complaint(program, file)
    careless = rebuild_fuzzer(program, "fill", source.replace(right, wrong), tmp_path)
    assert "fill 'n3:border' wrote to byte" in complaint(careless, file)


def test_one_minute(program: Path, tmp_path: Path) -> None:
    outcome: Outcome = run_fuzzer(program, write_corpus(tmp_path / "corpus"), tmp_path, SECONDS)
    print(outcome)
    assert not outcome.findings, f"{outcome.findings}\n{outcome.log[-6000:]}"
    assert outcome.counts["runs"] > ACCEPTED * outcome.counts["tried"]
    assert all(outcome.counts[step.name] for step in records.STEPS), str(outcome)
