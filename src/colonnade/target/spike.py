"""The spike simulator: runs a bare-metal image and reports what it executed. Standard library only.

spike comes with the wheel of the same name (`pip install 'colonnade[sim]'`); it asks the device tree compiler, dtc,
to describe its machine. Its instruction counts are exact and it is deterministic: the same run gives the same numbers.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from colonnade.errors import ColonnadeError
from colonnade.target.riscv_model import CoreModel, Misses

_STATISTICS = {"D$ Read Misses": "l1_read", "D$ Write Misses": "l1_write", "L2$ Read Misses": "l2_read"}
_FIRST_STATISTIC = b"L2$ Bytes Read:"


@dataclass(frozen=True)
class SpikeRun:
    """One run: what the program wrote, how often each program counter was executed, and cache misses."""

    output: bytes
    histogram: dict[int, int]
    misses: Misses


def find_spike() -> Path:
    """The simulator's executable. ColonnadeError if it, or the device tree compiler it calls, is not there."""
    package = importlib.util.find_spec("riscv")
    places = (
        [Path(place) / "data" / "bin" / "spike" for place in (package.submodule_search_locations or ())]
        if package
        else []
    )
    found = next((place for place in places if place.exists()), None) or shutil.which("spike")
    if not found:
        raise ColonnadeError("the spike simulator is not installed: pip install 'colonnade[sim]'")
    if not shutil.which("dtc"):
        raise ColonnadeError("spike needs the device tree compiler: apt-get install device-tree-compiler")
    return Path(found)


def run_spike(elf: bytes, vlen: int, core: CoreModel, timeout_s: float) -> SpikeRun:
    """Run an executable on a core of `vlen` bits with the caches of `core`, until it exits. ColonnadeError with what
    it wrote if it does not exit with 0."""
    with tempfile.NamedTemporaryFile(suffix=".elf") as file:
        file.write(elf)
        file.flush()
        call = [
            str(find_spike()),
            f"--isa=rv64gcv_zvl{vlen}b",
            "-g",
            f"--dc={_cache(core.l1)}",
            f"--l2={_cache(core.l2)}",
        ]
        try:
            done = subprocess.run([*call, file.name], capture_output=True, check=False, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise ColonnadeError(f"spike did not finish in {timeout_s:.0f} s") from None
    output, _, statistics = done.stdout.rpartition(_FIRST_STATISTIC)
    if done.returncode:
        words = (output or done.stderr).decode(errors="replace").strip().splitlines()
        raise ColonnadeError(f"spike: status {done.returncode}: {words[-1] if words else 'no message'}")
    return SpikeRun(output, _histogram(done.stderr.decode()), _misses(statistics.decode()))


def _cache(shape: tuple[int, int, int]) -> str:
    return ":".join(map(str, shape))


def _histogram(text: str) -> dict[int, int]:
    return {int(at, 16): int(count) for at, count in re.findall(r"^([0-9a-f]+) (\d+)$", text, re.MULTILINE)}


def _misses(text: str) -> Misses:
    found = {
        _STATISTICS[name]: int(value)
        for name, value in re.findall(r"^(.+?):\s+(\d+)$", text, re.MULTILINE)
        if name in _STATISTICS
    }
    return Misses(found["l1_read"] + found["l1_write"], found["l2_read"])
