"""Files of several programs: what is stored, and hostile changes of the table of programs."""

from __future__ import annotations

import numpy as np
import pytest
from layers import Compiled, random_feeds, small_classifier
from model_bytes import open_program, open_sections, with_checksum, with_program, with_record

from colonnade.errors import ColonnadeError
from colonnade.modelfile import records
from colonnade.modelfile.reader import describe, read_steps
from colonnade.plan.compiler import Shaped, compile_graph, compile_graphs
from colonnade.runtime.session import Session

BATCHES = (3, 1, 4)
GRAPHS = [small_classifier(batch) for batch in BATCHES]
GOOD = compile_graphs([Shaped(graph, batch) for graph, batch in zip(GRAPHS, BATCHES, strict=True)], plan="default").data


def _refused(data: bytes, says: str) -> None:
    with pytest.raises(ColonnadeError, match=f"^compiled model: ({says})$"):
        Session(Compiled(data))


def _changed(index: int, **fields: object) -> bytes:
    return with_record(GOOD, "programs", index, **fields)


def test_what_is_stored() -> None:
    """Records follow each other program after program, and weights are there once."""
    ones = [len(open_sections(_one(batch))["data"]) for batch in BATCHES]
    assert len(open_sections(GOOD)["data"]) <= max(ones)
    programs = [open_program(GOOD, i) for i in range(3)]
    assert [program["images"] for program in programs] == list(BATCHES)
    for field, section in (("buffers", "buffers"), ("values", "values"), ("steps", "order")):
        size = records.SECTION_RECORDS[section].size
        assert sum(int(str(program[field])) for program in programs) == len(open_sections(GOOD)[section]) // size


def test_what_it_says_of_itself() -> None:
    found = describe(GOOD)
    assert [outline.inputs[0].shape[0] for outline in found.programs] == list(BATCHES)
    assert [len(outline.steps) for outline in found.programs] == [len(describe(_one(b)).steps) for b in BATCHES]
    assert found.inputs == found.programs[0].inputs
    assert [step.name for step in read_steps(GOOD)[0]] == [name for name, _ in found.steps]


def _one(batch: int) -> bytes:
    return compile_graph(small_classifier(batch), plan="default").data


def test_a_single_program_costs_few_bytes() -> None:
    """Its record, and what it takes to the next cache line."""
    assert len(open_sections(_one(1))["programs"]) == records.PROGRAM.size <= records.ALIGNMENT


@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize("field", ["buffers", "values", "steps"])
def test_records_of_others(index: int, field: str) -> None:
    """A program that takes records of the next one, or leaves some of its own: they make no sense there."""
    for change in (-2, -1, 1, 2, 2**20):
        with pytest.raises(ColonnadeError):
            Session(Compiled(_changed(index, **{field: int(str(open_program(GOOD, index)[field])) + change})))
    _refused(_changed(index, **{field: 2**24}), f"program {index}: more (buffers|values or steps) than there are")


@pytest.mark.parametrize("count", [0, 4, 2**10 + 1])
def test_number_of_programs(count: int) -> None:
    sections = open_sections(GOOD)
    rows = (sections["programs"] * 2**10)[: count * records.PROGRAM.size]
    says = {0: "no program, or too many", 4: "program 3: more buffers than there are", 1025: "no program, or too many"}
    _refused(_with_section("programs", rows), says[count])


def _with_section(name: str, data: bytes) -> bytes:
    """The file with one section replaced by another of any length, at its end."""
    from model_bytes import open_header, with_header

    at = -(-len(GOOD) // records.ALIGNMENT) * records.ALIGNMENT
    place = records.SECTIONS.index(name)
    header = open_header(GOOD)
    begins, counts = ([*header[key]] for key in ("section_at", "section_count"))  # type: ignore[misc]
    begins[place], counts[place] = at, len(data) // records.element_bytes(name)
    whole = GOOD.ljust(at, b"\0") + data
    return with_header(whole, section_at=begins, section_count=counts, file_bytes=len(whole))


@pytest.mark.parametrize("index", [0, 1, 2])
def test_arenas_that_are_too_small(index: int) -> None:
    """Each program is checked with its own, though all run in the largest."""
    needed = int(str(open_program(GOOD, index)["arena_bytes"]))
    _refused(_changed(index, arena_bytes=needed - 64), "buffer [0-9]+: outside the arena")
    assert len(Session(Compiled(_changed(index, arena_bytes=needed + 64))).run(None, random_feeds(GRAPHS[index]))) == 1


@pytest.mark.parametrize("index", [0, 1, 2])
def test_images_that_the_values_do_not_have(index: int) -> None:
    for images in (BATCHES[index] + 1, 2**24):
        _refused(_changed(index, images=images), "value 0: not of as many images as the program")
    Session(Compiled(_changed(index, images=0))).run(None, random_feeds(GRAPHS[index]))


def test_repeats_of_all_programs_together() -> None:
    """Each of many programs repeats its steps as often as one may: their tasks would fill the memory."""
    rows = open_sections(GOOD)["programs"]
    assert open_program(GOOD, 0)["repeats"] == 3
    says = "steps are repeated too often|buffer [0-9]+: .*"
    _refused(_changed(2, repeats=2**16), f"program 2: {says}|{says}")
    assert len(rows) == 3 * records.PROGRAM.size


@pytest.mark.parametrize("change", [{"name": 0}, {"rank": 1}])
def test_programs_with_other_inputs(change: dict[str, object]) -> None:
    count = int(str(open_program(GOOD, 0)["values"]))
    says = "program 1: other inputs or outputs than the first one's|(value|buffer) [0-9]+: not .*"
    _refused(with_record(GOOD, "values", count, **change), says)


def test_an_input_more_than_the_first_has() -> None:
    """All values of the second program are outputs, or inputs."""
    count = int(str(open_program(GOOD, 0)["values"]))
    for index, output in ((count, 1), (count + 1, 0)):
        with pytest.raises(ColonnadeError):
            Session(Compiled(with_record(GOOD, "values", index, output=output)))


def test_images_and_shapes_that_a_file_makes_up() -> None:
    """What a file says of its images decides how a batch is split, never what memory is written."""
    session = Session(Compiled(with_program(GOOD, images=0)))
    x = np.concatenate([random_feeds(GRAPHS[1])["x0"]] * 7)
    (y,) = session.run(None, {"x0": x})
    np.testing.assert_array_equal(y, np.repeat(y[:1], 7, 0))
    assert with_checksum(GOOD) == GOOD
