"""Facts about the machine, and staying on the processors one is given."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import onnxruntime
import pytest

from colonnade.bench.cpus import available_cpus, pinned
from colonnade.bench.machine import machine_facts

X86 = "processor : 0\nmodel name : Some CPU\nflags : fpu sse4_2 avx2 fma f16c\n\nprocessor : 1\nmodel name : Other\n"
RISCV = "processor : 0\nisa : rv64imafdcv\nuarch : spacemit,x60\n"


@pytest.mark.parametrize(
    ("cpuinfo", "cpu", "isa"),
    [(X86, "Some CPU", ["sse4_2", "avx2", "fma", "f16c"]), (RISCV, "spacemit,x60", ["rv64imafdcv"])],
)
def test_cpu_is_read_from_the_first_block(tmp_path: Path, cpuinfo: str, cpu: str, isa: list[str]) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(cpuinfo)
    facts = machine_facts(path)
    assert (facts["cpu"], facts["isa"]) == (cpu, isa)


def test_versions_of_installed_runtimes() -> None:
    versions = machine_facts()["versions"]
    assert isinstance(versions, dict)
    assert versions["onnxruntime"] == onnxruntime.__version__


def test_pinned_limits_new_threads_and_is_undone() -> None:
    before = os.sched_getaffinity(0)
    seen: list[set[int]] = []
    with pinned(1):
        thread = threading.Thread(target=lambda: seen.append(os.sched_getaffinity(0)))
        thread.start()
        thread.join()
    assert seen == [{min(before)}]
    assert os.sched_getaffinity(0) == before
    assert available_cpus() == sorted(before)
