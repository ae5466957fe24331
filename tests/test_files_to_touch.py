"""How many files know of an instruction set, and of a way to compute a convolution: what docs/layout.md says that a new
one costs. What operators and activations cost is counted in plan/test_operator_table.py and
graph/test_activation_rows.py."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from source_words import SOURCES, c_files, importers, python_files

from colonnade.elements import ELEMENTS, Element
from colonnade.plan.ways import WAYS, Candidate, Columns
from colonnade.target.isa import ISAS, Isa

LAYOUT = Path(__file__).parents[1] / "docs" / "layout.md"

# They name instruction sets that they are about, and another one would not: what reports say of a CPU, and the
# simulated RISC-V cores.
ABOUT_ONE = {"bench/machine.py", "runtime/bare.py", "target/riscv_model.py"}
PLANNED_FOR = "target/targets.py"  # a target that is planned for is a row of its own


@pytest.mark.parametrize("isa", ISAS, ids=lambda isa: isa.name)
def test_an_instruction_set_is_in_three_files(isa: Isa) -> None:
    """Its row, its vector operations, its CPU check; and in the targets that have it."""
    files = {*python_files(f"'{isa.name}'", f"'{isa.symbol}'"), *c_files(isa.cpu_check, isa.symbol)}
    files.add(f"kernels/vector/{isa.vector_ops}.py")
    own = {"target/isa.py", f"kernels/vector/{isa.vector_ops}.py", "runtime/csrc/cpu.c"}
    assert files - ABOUT_ONE == own | {PLANNED_FOR}
    assert len(own) <= 3


SEE_STEPS = ("modelfile/", "plan/", "runtime/", "bench/")
KNOW_COLUMNS = {"plan/lower.py", "plan/choose/chain.py", "plan/choose/space.py"}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_no_file_outside_of_ways_knows_a_way(way: type[Candidate]) -> None:
    """Three know Columns, the only way that is chained, and the only one that pruning makes faster."""
    outside = {file for file in importers("colonnade.plan", way.__name__) if not file.startswith("plan/ways/")}
    assert outside == (KNOW_COLUMNS if way is Columns else set())


@pytest.mark.parametrize("step", [way.step_kind for way in WAYS])
def test_the_step_of_a_way_is_one_record_and_one_c_file(step: str) -> None:
    """plan/work.py asks for cnm, too: only its steps leave columns out."""
    files = {file for file in python_files(f"'{step}'") if file.startswith(SEE_STEPS)}
    outside = {file for file in files if not file.startswith("plan/ways/")}
    assert outside == {"modelfile/steps.py"} | ({"plan/work.py"} if step == "cnm" else set())
    runs = [path.name for path in (SOURCES / "runtime/csrc").rglob("*.[ch]") if f"(cln_run_{step})" in path.read_text()]
    assert runs == [f"{step}.c"]


def test_the_paths_of_the_page_exist() -> None:
    """Each path in backticks on docs/layout.md, with <name> for a file that is to be made."""
    paths = [path for path in re.findall(r"`([\w/<>.]+)`", LAYOUT.read_text()) if "/" in path]
    assert len(paths) > 60
    missing = [path for path in paths if "<" not in path and not _exists(path)]
    assert missing == []


def _exists(path: str) -> bool:
    roots = (SOURCES, SOURCES / "runtime", LAYOUT.parents[1])
    return any((root / path).exists() for root in roots)


BETWEEN = ("graph/", "plan/", "modelfile/", "runtime/", "remote/", "deploy/")
OF_RECORDS = {"modelfile/fields.py", "modelfile/tables.py"}  # what numbers of a record are, and not values of a network
OF_ONNX = ("graph/folding/", "graph/onnx_ops/resize.py")  # constants and coordinates of the types that ONNX gives them


@pytest.mark.parametrize("element", ELEMENTS, ids=lambda element: element.name)
def test_an_element_type_is_two_rows_and_a_case_in_c(element: Element) -> None:
    """Beside kernels and steps, which compute with it, no file from the importer to the runners names it."""
    words = (element.name.upper(), f"'{element.name}'", element.dtype, f"'{element.dtype}'", "FLOAT")
    between = {file for file in python_files(*words) if file.startswith(BETWEEN) and not file.startswith(OF_ONNX)}
    assert between <= OF_RECORDS
    assert set(c_files(f"CLN_{element.name.upper()}")) == {"runtime/csrc/colonnade.h", "runtime/csrc/turns.c"}
    assert (SOURCES / "kernels" / "arithmetic.py").read_text().count(f'("{element.name}"') == 1
    header = (SOURCES / "runtime" / "csrc" / "colonnade.h").read_text()
    assert f"CLN_{element.name.upper()} = {ELEMENTS.index(element)}, /* {element.c} */" in header
