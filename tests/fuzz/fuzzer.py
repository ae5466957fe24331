"""Builds the fuzzer (target.c, mutator.c, the library under sanitizers, libFuzzer) and runs it."""

from __future__ import annotations

import os
import re
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from field_table import table_header
from recipes import RECIPES, build

from colonnade.modelfile import records
from colonnade.runtime.build import CSRC, LIBRARY_SOURCES, compile_units
from colonnade.target.toolchain import system_compiler

HERE = Path(__file__).parent
PORTABLE = "portable"  # an architecture of no instruction set but the generic one, which every library carries
MOST_BYTES = 1 << 16  # of a file
SECONDS = 60  # that one file may take
SETTINGS = {
    "ASAN_OPTIONS": "allocator_may_return_null=1:max_allocation_size_mb=64:redzone=2048",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}
OPTIONS = ("-g", "-fno-omit-frame-pointer", "-fno-sanitize-recover=all")
COUNTED = (
    "tried",
    "accepted",
    "too large",
    "no session",
    "runs",
    *(record.name for record in records.STEPS),
)  # counts.h
FINDINGS = "crash-*", "leak-*", "oom-*", "timeout-*"


@dataclass(frozen=True)
class Outcome:
    """What came of some time of fuzzing. findings: files that a sanitizer complained of; counts: by COUNTED."""

    findings: tuple[Path, ...]
    counts: dict[str, int]
    log: str

    def __str__(self) -> str:
        tried = max(self.counts["tried"], 1)
        steps = ", ".join(f"{record.name} {self.counts[record.name]}" for record in records.STEPS)
        shares = ", ".join(f"{name} {self.counts[name]} ({self.counts[name] / tried:.0%})" for name in COUNTED[1:5])
        return f"{tried} files tried: {shares}\nfiles run that have a step of each kind: {steps}"


def build_fuzzer(folder: Path, level: str = "-O0") -> Path:
    """The fuzzer's program, in `folder` with all it is made of. level: -O1 takes a minute more to compile, and half the
    time to run."""
    compiler = system_compiler("clang")
    instrumented = [level, *OPTIONS, "-fsanitize=fuzzer-no-link,address,undefined"]
    sources = [name for name in LIBRARY_SOURCES if name != "threads.c"]  # team.c takes its place
    objects = compile_units(PORTABLE, compiler, folder, sources, instrumented)
    (folder / "fields.h").write_text(table_header())
    recipes = (build(name) for name in RECIPES)
    (folder / "recipes.bin").write_bytes(b"".join(struct.pack("<Q", len(data)) + data for data in recipes))
    common = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", f"-I{folder}", f"-I{CSRC}", f"-I{HERE}", level, *OPTIONS]
    for name in ("target.c", "mutator.c", "team.c", "guard.c"):  # not instrumented: what they do isn't new coverage
        objects.append(str(folder / f"{name}.o"))
        compiler.run([*common, "-fsanitize=address", "-c", str(HERE / name), "-o", objects[-1]])
    program = folder / "fuzzer"
    compiler.run([*OPTIONS, "-fsanitize=fuzzer,address,undefined", *objects, "-lm", "-lpthread", "-o", str(program)])
    return program


def write_corpus(folder: Path) -> Path:
    """Every recipe's file, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in RECIPES:
        (folder / name.replace(" ", "-")).write_bytes(build(name))
    return folder


def run_fuzzer(program: Path, corpus: Path, folder: Path, seconds: int, options: Sequence[str] = ()) -> Outcome:
    """Fuzz for so long from the files in `corpus`, which stays as it is. `folder`: where new and found files go."""
    grown, found, counts = folder / "grown", folder / "findings", folder / "counts"
    for made in (grown, found):
        made.mkdir(parents=True, exist_ok=True)
    counts.write_bytes(bytes(8 * len(COUNTED)))
    call = [str(program), f"-max_total_time={seconds}", f"-artifact_prefix={found}/", f"-max_len={MOST_BYTES}"]
    call += [f"-timeout={SECONDS}", "-print_final_stats=1", "-rss_limit_mb=4096", *options, str(grown), str(corpus)]
    environment = {**os.environ, **SETTINGS, "COLONNADE_FUZZ_FOLDER": str(folder)}
    done = subprocess.run(call, env=environment, capture_output=True, text=True, errors="replace", check=False)
    numbers = struct.unpack(f"{len(COUNTED)}Q", counts.read_bytes())
    findings = tuple(sorted(path for kind in FINDINGS for path in found.glob(kind) if path.stat().st_size))
    return Outcome(findings, dict(zip(COUNTED, numbers, strict=True)), done.stdout + done.stderr)


def complaint(program: Path, file: Path) -> str:
    """What the sanitizers say about one file; empty: nothing."""
    environment = {**os.environ, **SETTINGS}
    done = subprocess.run(
        [str(program), str(file)], env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    return done.stdout + done.stderr if done.returncode else ""


def cause(report: str) -> str:
    """The kind of error and the functions on top of its stack, on one line: equal for equal findings."""
    kind = re.search(r"(?:ERROR|WARNING): [A-Za-z]+Sanitizer: ([\w-]+)|(?:runtime error|ERROR: guard): (.*)", report)
    frames = re.findall(r"#\d+ 0x[0-9a-f]+ in (\S+) [^\n]*/(\w+\.[ch]):(\d+)", report)
    where = " < ".join(f"{name} ({file}:{line})" for name, file, line in frames if name != "LLVMFuzzerTestOneInput")
    return f"{kind.group(1) or kind.group(2) if kind else 'died'}: {where[:300]}"
