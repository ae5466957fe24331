"""What is compiled for other machines on first use: once, whole, and of today's sources."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from colonnade.errors import ColonnadeError
from colonnade.runtime import native
from colonnade.runtime.native import find_products, products
from colonnade.target.toolchain import Compiler


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Compilers that write a file, slowly; the architectures that were built."""
    built: list[str] = []

    def build_static(arch: str, compiler: Compiler, work: Path, runner: Path, archive: Path) -> None:
        time.sleep(0.2)
        built.append(arch)
        runner.write_text("runner")
        archive.write_text("archive")

    def build_library(arch: str, compiler: Compiler, work: Path, output: Path, strip: bool) -> None:
        output.write_text("shared")

    monkeypatch.setattr(native, "build_static", build_static)
    monkeypatch.setattr(native, "build_library", build_library)
    return built


def _contents(folder: Path) -> Sequence[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def test_built_once_for_many_who_ask(tmp_path: Path, builds: list[str]) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: products("riscv64", tmp_path), range(4)))
    assert builds == ["riscv64"]
    assert len(set(found)) == 1
    assert [path.read_text() for path in (found[0].runner, found[0].archive, found[0].shared)] == [
        "runner",
        "archive",
        "shared",
    ]
    assert products("riscv64", tmp_path) == find_products("riscv64", tmp_path) == found[0]
    assert builds == ["riscv64"]


def test_built_anew_when_sources_change(tmp_path: Path, builds: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    products("x86_64", tmp_path)
    old = products("riscv64", tmp_path)
    monkeypatch.setattr(native, "source_digest", lambda isas: "changed")
    assert find_products("riscv64", tmp_path) is None
    new = products("riscv64", tmp_path)
    assert builds == ["x86_64", "riscv64", "riscv64"]
    assert not old.folder.exists()
    assert new.runner.exists()
    assert [name.split("-")[0] for name in _contents(tmp_path)] == ["riscv64", "x86_64"]


def test_nothing_stays_of_a_build_that_fails(
    tmp_path: Path, builds: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ColonnadeError("the C compiler failed")

    with monkeypatch.context() as patch:
        patch.setattr(native, "build_library", broken)
        with pytest.raises(ColonnadeError, match="the C compiler failed"):
            products("riscv64", tmp_path)
    assert _contents(tmp_path) == []
    assert products("riscv64", tmp_path).shared.exists()


def test_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ColonnadeError, match="file: cannot keep what is compiled for riscv64"):
        products("riscv64", tmp_path / "file")


def test_unknown_architecture(tmp_path: Path) -> None:
    with pytest.raises(ColonnadeError, match="unknown architecture z80; known: x86_64, aarch64, riscv64"):
        products("z80", tmp_path)
    assert _contents(tmp_path) == []


def test_digest_is_of_the_sources() -> None:
    digests = {native.source_digest(native.isas_of(arch)) for arch in ("x86_64", "aarch64", "riscv64")}
    assert len(digests) == 3
    assert native.source_digest(native.isas_of("riscv64")) in digests
