"""C compilers: the `ziglang` wheel, which cross-compiles to every target, or the system's. Standard library only."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from colonnade.errors import ColonnadeError

# What zig calls each architecture: the oldest glibc its shared library runs on, and musl for static executables.
_SHARED = {
    "x86_64": "x86_64-linux-gnu.2.17",
    "aarch64": "aarch64-linux-gnu.2.17",
    "riscv64": "riscv64-linux-gnu.2.27",
}
ARCH_NAMES = {"amd64": "x86_64", "arm64": "aarch64"}  # ours, of what systems call otherwise
ARCHITECTURES = tuple(_SHARED)
_STATIC = {arch: f"{arch}-linux-musl" for arch in _SHARED}
_BASELINE = {"riscv64": ("-mcpu=generic_rv64+m+a+f+d+c",)}  # RV64GC; zig's default assumes no less, but by another name


@dataclass(frozen=True)
class Compiler:
    """A command that takes GCC-style options, and what is added to every call."""

    command: tuple[str, ...]
    options: tuple[str, ...]
    version: str
    archiver: tuple[str, ...] = ("ar",)
    cache: Path | None = None  # zig's

    def run(self, arguments: Sequence[str]) -> None:
        """Compile or link; a failure is an error with the compiler's own words."""
        self._call([*self.command, *self.options, *arguments])

    def archive(self, objects: Sequence[str], output: Path) -> None:
        """A static library of objects; there must be no file at `output`."""
        self._call([*self.archiver, "rcs", str(output), *objects])

    def _call(self, call: Sequence[str]) -> None:
        environment = dict(os.environ)
        if self.cache:
            environment |= {"ZIG_GLOBAL_CACHE_DIR": str(self.cache), "ZIG_LOCAL_CACHE_DIR": str(self.cache)}
        done = subprocess.run(call, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ColonnadeError(f"the C compiler failed: {' '.join(call)}\n{done.stderr.strip()}")


def host_arch() -> str:
    """The architecture of this machine, as in target/isa.py."""
    machine = platform.machine().lower()
    return ARCH_NAMES.get(machine, machine)


def find_compiler(arch: str, static: bool = False) -> Compiler:
    """zig where it is installed (the same code everywhere), else the system's compiler for the host. static: for an
    executable that needs no library on the target."""
    if importlib.util.find_spec("ziglang"):
        return zig(arch, static)
    if arch == host_arch():
        found = system_compiler()
        return replace(found, options=("-static",)) if static else found
    raise ColonnadeError(f"compiling for {arch} needs the ziglang package: pip install ziglang")


def zig(arch: str, static: bool = False) -> Compiler:
    """Clang by the ziglang wheel, with a cache of its own: it compiles the C library once per target."""
    names = _STATIC if static else _SHARED
    if arch not in names:
        raise ColonnadeError(f"unknown architecture {arch}; known: {', '.join(names)}")
    command = (sys.executable, "-m", "ziglang")
    version = subprocess.run([*command, "version"], capture_output=True, text=True, check=True).stdout.strip()
    options = ("-target", names[arch], *_BASELINE.get(arch, ()), *(("-static", "-s") if static else ()))
    cache = Path.home() / ".cache" / "colonnade" / "zig"
    return Compiler((*command, "cc"), options, f"zig {version}", (*command, "ar"), cache)


def system_compiler(name: str | None = None) -> Compiler:
    """`name`, or the first of cc, gcc, clang that is there."""
    for candidate in (name,) if name else ("cc", "gcc", "clang"):
        path = shutil.which(candidate)
        if path:
            answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
            return Compiler((path,), (), answer.splitlines()[0])
    raise ColonnadeError("no C compiler: pip install ziglang, or install gcc")
