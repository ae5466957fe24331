"""Where the native library and the runner are, and how a checkout gets them. Standard library only."""

from __future__ import annotations

from pathlib import Path

from colonnade.runtime.build import CSRC, build_library, build_runner
from colonnade.target.toolchain import find_compiler, host_arch

NATIVE = Path(__file__).parent.parent / "_native"
HEADER = CSRC / "colonnade.h"  # the C API


def library_path() -> Path:
    """The host's library. Installing the package puts it there."""
    return NATIVE / f"libcolonnade-{host_arch()}.so"


def runner_path() -> Path:
    """The host's `colonnade-run`. Wheels carry it; a checkout builds it on first use."""
    return NATIVE / f"colonnade-run-{host_arch()}"


def build_host_library(work: Path) -> None:
    """Compile the library for this machine's architecture. `work` receives objects."""
    arch = host_arch()
    build_library(arch, find_compiler(arch), work / "library", library_path())


def build_host_runner(work: Path) -> None:
    """Compile the static runner for this machine's architecture. `work` receives objects."""
    arch = host_arch()
    build_runner(arch, find_compiler(arch, static=True), work / "runner", runner_path())
