"""Where native code is, and how a checkout gets it. Standard library only.

`_native/libcolonnade-ARCH.so` is the host's library, which `pip install` puts there. `_native/ARCH-DIGEST/` holds what
is handed to machines of one architecture; wheels carry it, a checkout builds it on first use. The digest is of the
sources, so that after a change to them the next use builds anew.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from colonnade.errors import ColonnadeError
from colonnade.runtime.build import CSRC, SONAME, build_library, build_static, source_digest
from colonnade.target.isa import isas_of
from colonnade.target.toolchain import find_compiler, host_arch

NATIVE = Path(__file__).parent.parent / "_native"
HEADER = CSRC / "colonnade.h"  # the C API


@dataclass(frozen=True)
class Products:
    """What runs models on machines of one architecture, without Python."""

    folder: Path

    @property
    def runner(self) -> Path:
        """`colonnade-run`, a static executable."""
        return self.folder / "colonnade-run"

    @property
    def archive(self) -> Path:
        """The static library."""
        return self.folder / "libcolonnade.a"

    @property
    def shared(self) -> Path:
        """The shared library."""
        return self.folder / SONAME


def library_path() -> Path:
    """The host's library. Installing the package puts it there."""
    return NATIVE / f"libcolonnade-{host_arch()}.so"


def build_host_library(work: Path) -> None:
    """Compile the library for this machine's architecture. `work` receives objects."""
    arch = host_arch()
    build_library(arch, find_compiler(arch), work / "library", library_path())


def find_products(arch: str, native: Path = NATIVE) -> Products | None:
    """What is there for `arch`, of today's sources; None if it must be built first."""
    products = Products(native / f"{arch}-{source_digest(isas_of(arch))}")
    return products if products.folder.is_dir() else None


def products(arch: str, native: Path = NATIVE) -> Products:
    """What is there for `arch`, built now (about a minute) if need be. Several processes may ask at once: one builds,
    the others wait for it. ColonnadeError if it cannot be built here."""
    if found := find_products(arch, native):
        return found
    try:
        native.mkdir(exist_ok=True)
        with _locked(native / f".{arch}.lock"):
            return find_products(arch, native) or _build_products(arch, native)
    except OSError as error:
        raise ColonnadeError(f"{native}: cannot keep what is compiled for {arch}: {error.strerror}") from error


def _build_products(arch: str, native: Path) -> Products:
    static, shared = find_compiler(arch, static=True), find_compiler(arch)
    with tempfile.TemporaryDirectory() as work, tempfile.TemporaryDirectory(dir=native, prefix=f".{arch}-") as beside:
        made = Products(Path(beside) / "products")
        made.folder.mkdir()
        build_static(arch, static, Path(work) / "static", made.runner, made.archive)
        build_library(arch, shared, Path(work) / "shared", made.shared, strip=True)
        for outdated in native.glob(f"{arch}-*"):
            shutil.rmtree(outdated)
        final = Products(native / f"{arch}-{source_digest(isas_of(arch))}")
        made.folder.rename(final.folder)
    return final


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """The only one to hold the file at `path`; a holder that dies lets go of it."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
