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
from colonnade.modelfile import c_format
from colonnade.modelfile.steps import STEPS
from colonnade.runtime import emit
from colonnade.target.isa import ISAS, Isa, isas_of
from colonnade.target.toolchain import Compiler

CSRC = Path(__file__).parent / "csrc"
LIBRARY_SOURCES = ("model.c", "validate.c", "strips.c", "session.c", "threads.c", "checksum.c", "cpu.c", "probe.c")
ISA_SOURCES = (*(f"steps/{step.name}.c" for step in STEPS), "read.c")
GENERATED_SOURCES = ("isas.c", "elsewhere.c", "ranges.c")
RUNNER_SOURCES = ("main.c", "turns.c", "npy.c")
SONAME = "libcolonnade.so"  # what programs linked with the shared library look for
OPTIONS = (
    "-std=gnu11",
    "-O3",
    "-fPIC",
    "-fvisibility=hidden",
    "-Wall",
    "-Wextra",
    "-Wpointer-arith",
    "-Werror",
    "-fno-math-errno",
)


@dataclass(frozen=True)
class Unit:
    """One call of the compiler: a source file and options of its own."""

    source: Path
    object: Path
    options: tuple[str, ...] = ()


def build_library(arch: str, compiler: Compiler, work: Path, output: Path, strip: bool = False) -> None:
    """The shared library for `arch`, at `output`; objects and generated sources go to `work`. strip: without the names
    of its functions, which profilers of the kernels want and nobody else."""
    objects = compile_units(arch, compiler, work, LIBRARY_SOURCES, ())
    options = ["-shared", f"-Wl,-soname,{SONAME}", *(["-s"] if strip else [])]
    _link(compiler, [*options, *objects, "-lm", "-lpthread"], output)


def build_static(arch: str, compiler: Compiler, work: Path, runner: Path, archive: Path) -> None:
    """The command `colonnade-run` for `arch` with the library inside, and the library by itself."""
    objects = compile_units(arch, compiler, work, (*LIBRARY_SOURCES, *RUNNER_SOURCES), ())
    commands = {str(work / f"{name}.o") for name in RUNNER_SOURCES}
    _link(compiler, [*objects, "-lm", "-lpthread"], runner)
    compiler.archive([path for path in objects if path not in commands], archive)


def compile_units(arch: str, compiler: Compiler, work: Path, sources: Sequence[str], extra: Sequence[str]) -> list[str]:
    """Objects of the plain sources, and of the per-ISA ones for every instruction set of `arch`."""
    isas = isas_of(arch)
    work.mkdir(parents=True, exist_ok=True)
    write_generated(work, isas, compiler, extra)
    units = [Unit(CSRC / name, work / f"{name}.o") for name in sources]
    units += [Unit(work / name, work / f"{name}.o") for name in GENERATED_SOURCES]
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


def source_digest(isas: Sequence[Isa]) -> str:
    """Of all that shapes the code but the compiler: generated and written sources, options."""
    digest = hashlib.sha256(repr((OPTIONS, tuple(isas))).encode())
    for text in (*_generated(isas).values(), *(path.read_text() for path in sorted(CSRC.rglob("*.[ch]")))):
        digest.update(text.encode())
    return digest.hexdigest()[:16]


def write_generated(work: Path, isas: Sequence[Isa], compiler: Compiler, extra: Sequence[str]) -> None:
    """Headers and sources that Python writes, and `build.h` with the digest of all that shapes the code."""
    shaped_by = (compiler.version, compiler.options, tuple(extra), source_digest(isas))
    build = hashlib.sha256(repr(shaped_by).encode()).hexdigest()[:16]
    files = _generated(isas)
    files["build.h"] = f'{emit.MARK}#define CLN_VERSION "{__version__}"\n#define CLN_BUILD "{build}"\n'
    for name, text in files.items():
        (work / name).write_text(text)


def _generated(isas: Sequence[Isa]) -> dict[str, str]:
    return {
        "format.h": c_format.c_header(),
        "ranges.c": c_format.ranges_source(),
        "limits.h": emit.limits_header(),
        "activations.h": emit.activations_header(),
        "map_loops.h": emit.map_header(),
        "isas.c": emit.isas_source(tuple(isas)),
        "elsewhere.c": emit.elsewhere_source([isa for isa in ISAS if isa not in isas]),
        **{f"kernels_{isa.symbol}.c": emit.kernels_source(isa) for isa in isas},
    }


def _link(compiler: Compiler, arguments: Sequence[str], output: Path) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_suffix(f".{os.getpid()}.tmp")
    compiler.run([*arguments, "-o", str(temporary)])
    temporary.replace(output)
