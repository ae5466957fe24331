"""The text of the generated kernels. After a wanted change: python tests/kernels/write_golden.py"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from write_golden import FOLDER, golden_texts

from colonnade.kernels.cnm import kernel_source
from colonnade.kernels.peak import LEAST_ROWS, peak_shape, peak_source
from colonnade.kernels.shapes import Shape, shapes
from colonnade.target.isa import ISAS, Isa


@pytest.mark.parametrize("name", golden_texts())
def test_golden_text(name: str) -> None:
    assert (FOLDER / name).read_text() == golden_texts()[name]


def test_golden_folder_holds_nothing_else() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(golden_texts())


@pytest.mark.parametrize("isa", ISAS, ids=lambda isa: isa.symbol)
def test_accumulators_are_scalars_of_their_own(isa: Isa) -> None:
    """Arrays would need full unrolling to stay in registers."""
    for shape in shapes(isa):
        source = kernel_source(isa, shape)
        assert source.startswith(f"static void {shape.name(isa)}(const cln_strip_args *")
        per_row = _parts(shape, isa)
        declarations = [line for line in source.splitlines() if re.fullmatch(r" *[a-z0-9_]+ [c0-9_, ]+;", line)]
        names = [name for line in declarations for name in re.findall(r"c[0-9]+_[0-9]+", line)]
        assert len(declarations) == per_row
        assert len(set(names)) == len(names) == shape.rows * per_row


@pytest.mark.parametrize("isa", ISAS, ids=lambda isa: isa.symbol)
def test_the_peak_is_multiply_adds_alone(isa: Isa) -> None:
    """So that no micro-kernel passes it: nothing is loaded between, no sum leaves its register, and there are enough of
    them that none waits for itself."""
    shape = peak_shape(isa)
    _, _, after = peak_source(isa).partition("for (size_t n = a->n; n != 0; --n) {")
    loop = after.partition("}")[0].strip().splitlines()
    sums = [re.match(r" *(c[0-9]+_[0-9]+) = ", line) for line in loop]
    assert len({found[1] for found in sums if found}) == len(loop) == shape.rows * _parts(shape, isa)
    assert not any("a->" in line or "load" in line or "store" in line for line in loop)
    assert shape.registers(isa) <= isa.registers
    assert shape.rows >= LEAST_ROWS


def _parts(shape: Shape, isa: Isa) -> int:
    """Sums of one row: with RVV a group of registers is one."""
    return 1 if isa.scalar_operands else shape.row_registers(isa)


def test_generator_needs_the_standard_library_only(tmp_path: Path) -> None:
    """The build hook runs it before anything is installed."""
    source = Path(sys.modules["colonnade"].__path__[0]).parent
    code = (
        f"import sys; sys.path.insert(0, {str(source)!r})\n"
        "import colonnade.kernels.cnm, colonnade.kernels.shapes, colonnade.target.isa, colonnade.runtime.build\n"
        "outside = {m.partition('.')[0] for m in sys.modules} - set(sys.stdlib_module_names) - {'colonnade'}\n"
        "assert not outside & {'numpy', 'onnx', 'scipy', 'platformdirs', 'typer', 'rich'}, outside\n"
    )
    subprocess.run([sys.executable, "-S", "-c", code], check=True, cwd=tmp_path)
