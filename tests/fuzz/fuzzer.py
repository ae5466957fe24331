"""Builds the fuzzer (target.c, mutator.c, the library under sanitizers, libFuzzer) and runs it."""

from __future__ import annotations

import os
import re
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from field_table import table_source
from recipes import GENERIC, files_of

from colonnade.modelfile import records
from colonnade.runtime.build import CSRC, LIBRARY_SOURCES, compile_units
from colonnade.target.targets import Target
from colonnade.target.toolchain import Compiler, system_compiler

HERE = Path(__file__).parent
MOST_BYTES = 1 << 16  # of a file
SECONDS = 10  # that one file may take; more is no finding, for all that a file says it may ask for much time
SETTINGS = {
    "ASAN_OPTIONS": "allocator_may_return_null=1:max_allocation_size_mb=64:redzone=2048",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}
OPTIONS = ("-g", "-fno-omit-frame-pointer", "-fno-sanitize-recover=all")
INSTRUMENTED = ("-fsanitize=fuzzer-no-link,address,undefined",)
COUNTED = (
    "tried",
    "accepted",
    "too large",
    "no session",
    "runs",
    *(record.name for record in records.STEPS),
)  # counts.h
KERNELS = "kernels_"  # how their generated files are called
FRAMES = 4  # of a stack, that tell findings apart
SLOW = ("timeout-", "slow-unit-")  # how libFuzzer calls files that took long
OWN_SOURCES = ("target.c", "mutator.c", "draft.c", "team.c", "guard.c")


@dataclass(frozen=True)
class Outcome:
    """What came of some time of fuzzing. findings: files that a sanitizer complained of; slow: those that took longer
    than SECONDS, as a file may; counts: by COUNTED."""

    findings: tuple[Path, ...]
    slow: tuple[Path, ...]
    counts: dict[str, int]
    log: str

    def __str__(self) -> str:
        tried = max(self.counts["tried"], 1)
        steps = ", ".join(f"{record.name} {self.counts[record.name]}" for record in records.STEPS)
        shares = ", ".join(f"{name} {self.counts[name]} ({self.counts[name] / tried:.0%})" for name in COUNTED[1:5])
        return (
            f"{tried} files tried: {shares}, {len(self.slow)} given up after {SECONDS} seconds\n"
            f"files run that have a step of each kind: {steps}"
        )


def build_fuzzer(folder: Path, target: Target = GENERIC, level: str = "-O0") -> Path:
    """The fuzzer's program for one target, in `folder` with all it is made of. level: -O1 takes a minute more to
    compile, and half the time to run."""
    compiler = system_compiler("clang")
    sources = [name for name in LIBRARY_SOURCES if name != "threads.c"]  # team.c takes its place
    objects = compile_units(arch_of(target), compiler, folder, sources, [level, *OPTIONS, *INSTRUMENTED])
    (folder / "fields.c").write_text(table_source())
    recipes = b"".join(struct.pack("<Q", len(data)) + data for data in files_of(target).values())
    (folder / "recipes.bin").write_bytes(recipes)
    for source in (folder / "fields.c", *(HERE / name for name in OWN_SOURCES)):
        objects.append(str(folder / f"{source.name}.o"))
        call = [*includes(folder), f"-I{HERE}", "-Wall", "-Wextra", "-Werror", level, *OPTIONS, "-fsanitize=address"]
        compiler.run([*call, "-c", str(source), "-o", objects[-1]])  # not instrumented: what they do isn't new coverage
    return _link(compiler, objects, folder / "fuzzer")


def rebuild_fuzzer(program: Path, step: str, source: str, folder: Path) -> Path:
    """Another program, in `folder`, with `source` in place of csrc/steps/<step>.c."""
    compiler = system_compiler("clang")
    changed, made = folder / f"{step}.c", folder / f"{step}_generic.o"
    changed.write_text(source)
    call = [*includes(program.parent), f"-I{CSRC / 'steps'}", "-DCLN_SYMBOL=generic", "-O0", *OPTIONS, *INSTRUMENTED]
    compiler.run([*call, "-c", str(changed), "-o", str(made)])
    others = [str(path) for path in sorted(program.parent.glob("*.o")) if path.name != made.name]
    return _link(compiler, [*others, str(made)], folder / "fuzzer")


def includes(folder: Path) -> list[str]:
    """Options that find the library's headers, and those generated in `folder`."""
    return ["-std=gnu11", f"-I{folder}", f"-I{CSRC}"]


def _link(compiler: Compiler, objects: Sequence[str], program: Path) -> Path:
    compiler.run([*OPTIONS, "-fsanitize=fuzzer,address,undefined", *objects, "-lm", "-lpthread", "-o", str(program)])
    return program


def arch_of(target: Target) -> str:
    """The architecture whose library is built: for generic kernels one that has no others."""
    return target.arch if target.isa.arch != "any" else "portable"


def write_corpus(folder: Path, target: Target = GENERIC) -> Path:
    """Every recipe's file, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files_of(target).items():
        (folder / name.replace(" ", "-")).write_bytes(data)
    return folder


def run_fuzzer(program: Path, corpus: Path, folder: Path, seconds: int, jobs: int = 1, go_on: bool = False) -> Outcome:
    """Fuzz for so long from the files in `corpus`, which stays as it is, in `jobs` processes. `folder`: where new and
    found files go. go_on: after a finding, too."""
    grown, found, counts = folder / "grown", folder / "findings", folder / "counts"
    for made in (grown, found):
        made.mkdir(parents=True, exist_ok=True)
    counts.write_bytes(bytes(8 * len(COUNTED)))
    call = [str(program), f"-max_total_time={seconds}", f"-artifact_prefix={found}/", f"-max_len={MOST_BYTES}"]
    call += [f"-fork={jobs}", f"-timeout={SECONDS}", "-ignore_timeouts=1", f"-ignore_crashes={go_on:d}"]
    call += ["-ignore_ooms=0", "-rss_limit_mb=4096", str(grown), str(corpus)]
    environment = {**os.environ, **SETTINGS, "COLONNADE_FUZZ_FOLDER": str(folder)}
    done = subprocess.run(call, env=environment, capture_output=True, text=True, errors="replace", check=False)
    numbers = struct.unpack(f"{len(COUNTED)}Q", counts.read_bytes())
    files = [path for path in sorted(found.iterdir()) if path.stat().st_size]
    slow = tuple(path for path in files if path.name.startswith(SLOW))
    findings = tuple(path for path in files if path not in slow)
    return Outcome(findings, slow, dict(zip(COUNTED, numbers, strict=True)), done.stdout + done.stderr)


def complaint(program: Path, file: Path) -> str:
    """What the sanitizers say about one file; empty: nothing."""
    environment = {**os.environ, **SETTINGS}
    done = subprocess.run(
        [str(program), str(file)], env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    return done.stdout + done.stderr if done.returncode else ""


def cause(report: str) -> str:
    """The kind of error and the library's functions on top of its stack, on one line: equal for equal findings."""
    kind = re.search(r"(?:ERROR|WARNING): [A-Za-z]+Sanitizer: ([\w-]+)|(?:runtime error|ERROR: guard): (.*)", report)
    ours = {path.name for path in CSRC.rglob("*.[ch]")}
    frames = re.findall(r"#\d+ 0x[0-9a-f]+ in (\S+) [^\n]*/(\w+\.[ch]):(\d+)", report)
    where = [f"{name} ({file}:{line})" for name, file, line in frames if file in ours or file.startswith(KERNELS)]
    what = re.sub(r"\d+", "N", kind.group(1) or kind.group(2)) if kind else "died"
    return " < ".join([what, *where[:FRAMES]])
