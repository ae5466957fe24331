"""Builds the native library: writes the generated sources, compiles each file for its instruction set, links.

Standard library only: `pip install` runs it (hatch_build.py) before anything else is there.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from colonnade import __version__
from colonnade.modelfile import records as model_format
from colonnade.runtime import emit
from colonnade.target.isa import Isa, isas_of
from colonnade.target.toolchain import Compiler

CSRC = Path(__file__).parent / "csrc"
LIBRARY_SOURCES = ("model.c", "validate.c", "strips.c", "session.c", "threads.c", "checksum.c", "cpu.c")
ISA_SOURCES = ("cnm.c", "ops.c")
RUNNER_SOURCES = ("main.c", "npy.c")
OPTIONS = ("-std=gnu11", "-O3", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror")


@dataclass(frozen=True)
class Unit:
    """One call of the compiler: a source file and options of its own."""

    source: Path
    object: Path
    options: tuple[str, ...] = ()


def build_library(arch: str, compiler: Compiler, work: Path, output: Path, extra: Sequence[str] = ()) -> None:
    """The shared library for `arch`, at `output`; objects and generated sources go to `work`."""
    objects = compile_units(arch, compiler, work, LIBRARY_SOURCES, extra)
    _link(compiler, ["-shared", *extra, *objects, "-lm", "-lpthread"], output)


def build_runner(arch: str, compiler: Compiler, work: Path, output: Path, extra: Sequence[str] = ()) -> None:
    """The command `colonnade-run` for `arch`, with the library inside."""
    objects = compile_units(arch, compiler, work, (*LIBRARY_SOURCES, *RUNNER_SOURCES), extra)
    _link(compiler, [*extra, *objects, "-lm", "-lpthread"], output)


def compile_units(arch: str, compiler: Compiler, work: Path, sources: Sequence[str], extra: Sequence[str]) -> list[str]:
    """Objects of the plain sources, and of the per-ISA ones for every instruction set of `arch`."""
    isas = isas_of(arch)
    work.mkdir(parents=True, exist_ok=True)
    write_generated(work, isas, compiler, extra)
    units = [Unit(CSRC / name, work / f"{name}.o") for name in sources]
    units.append(Unit(work / "isas.c", work / "isas.c.o"))
    for isa in isas:
        per_isa = [work / f"kernels_{isa.symbol}.c", *(CSRC / name for name in ISA_SOURCES)]
        options = (*isa.flags, f"-DCLN_SYMBOL={isa.symbol}")
        units += [Unit(path, work / f"{path.stem}_{isa.symbol}.o", options) for path in per_isa]
    common = (*OPTIONS, f"-I{work}", f"-I{CSRC}", *extra)

    def compile_one(unit: Unit) -> str:
        compiler.run([*common, *unit.options, "-c", str(unit.source), "-o", str(unit.object)])
        return str(unit.object)

    compile_first, *rest = units  # alone: zig sets up its cache
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return [compile_one(compile_first), *pool.map(compile_one, rest)]


def write_generated(work: Path, isas: Sequence[Isa], compiler: Compiler, extra: Sequence[str]) -> None:
    """Headers and sources that Python writes, and `build.h` with the digest of all that shapes the code."""
    files = {
        "format.h": model_format.c_header(),
        "limits.h": emit.limits_header(),
        "isas.c": emit.isas_source(tuple(isas)),
        **{f"kernels_{isa.symbol}.c": emit.kernels_source(isa) for isa in isas},
    }
    digest = hashlib.sha256(repr((compiler.version, compiler.options, OPTIONS, tuple(extra), isas)).encode())
    for text in (*files.values(), *(path.read_text() for path in sorted(CSRC.iterdir()))):
        digest.update(text.encode())
    files["build.h"] = (
        f'{emit.MARK}#define CLN_VERSION "{__version__}"\n#define CLN_BUILD "{digest.hexdigest()[:16]}"\n'
    )
    for name, text in files.items():
        (work / name).write_text(text)


def _link(compiler: Compiler, arguments: Sequence[str], output: Path) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_suffix(f".{os.getpid()}.tmp")
    compiler.run([*arguments, "-o", str(temporary)])
    temporary.replace(output)
