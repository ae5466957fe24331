"""Boards over SSH that say what they should not: a real server, whose shell or programs print something else."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from arrays import BROKEN_ARRAYS
from ssh_board import QUICK, TARGET, Board, mistake

from colonnade.remote.open import open_runner
from colonnade.remote.ssh import SshHost
from colonnade.target.targets import target_named

if TYPE_CHECKING:
    from tests.remote.conftest import Sample


@pytest.fixture
def precious(board: Board) -> Path:
    """A folder of the user's on the board, with one called `bin` in it, which must stay."""
    folder = board.folder / "precious"
    (folder / "bin").mkdir(parents=True)
    (folder / "job").mkdir()
    (folder / "bin" / "file").touch()
    return folder


def check_precious(folder: Path) -> None:
    assert sorted(path.name for path in folder.rglob("*")) == ["bin", "file", "job"]


@pytest.mark.parametrize(
    "greeting",
    [
        "echo {precious}",
        "echo {precious}; echo {precious} >&2; echo; echo {precious}/colonnade-abcdefgh",
        "printf 'no end of line'",
        r"printf '\377\376 not UTF-8\n'; printf '\377' >&2",
        r"printf '\033[2J\000\n'",
    ],
)
def test_a_shell_that_prints_first(board: Board, sample: Sample, precious: Path, greeting: str) -> None:
    board.greet(greeting.format(precious=precious))
    with board.runner() as runner:
        outputs = runner.run(sample.model(), sample.feeds)
        assert runner.time([sample.model()], sample.feeds)[0].ms.shape == (1, sample.steps())
        assert runner.machine.isprintable()
    for actual, expected in zip(outputs, sample.expected, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    check_precious(precious)
    board.check_clean()


def test_complaints_are_not_greetings(board: Board, sample: Sample) -> None:
    board.greet("echo welcome >&2")
    with board.runner() as runner:
        board.program("tar", "cat >/dev/null; echo tar: broken >&2; exit 1")
        with mistake(board, "copying files", "tar: broken"):
            runner.time([sample.model()], sample.feeds)


@pytest.mark.parametrize(
    ("shell", "says"),
    [
        ("exec yes", "prints without end"),
        ("exec yes >&2", "does not begin within 1 s"),
        ("exec sleep 1000", "does not begin within 1 s"),
        ("echo this account is closed; exit 1", "this account is closed"),
        ("echo this account is closed >&2; exit 0", "this account is closed"),
        (r"printf '\033[2J' >&2; exit 1", "?[2J"),
        ("exit 0", "no reason given"),
    ],
)
def test_a_shell_that_runs_nothing(board: Board, shell: str, says: str) -> None:
    board.greet(shell)
    with mistake(board, says):
        SshHost(board.address(), TARGET.arch, replace(QUICK, connect=1))


@pytest.mark.parametrize(
    "answer",
    ["echo {precious}", "echo", r"printf '\377\376\n'", "echo {scratch}/colonnade-../../precious", "echo {scratch}"],
)
def test_a_folder_of_another_name(board: Board, precious: Path, answer: str) -> None:
    board.program("mktemp", answer.format(precious=precious, scratch=board.scratch))
    with mistake(board, "its mktemp made a folder of another name"):
        board.runner()
    check_precious(precious)


@pytest.mark.parametrize("name", ["../../precious", r"\033[2J", "z80", "x" * 1000])
def test_a_machine_of_no_known_kind(board: Board, name: str) -> None:
    board.program("uname", f"printf '{name}\\n'")
    with mistake(board, "is none of x86_64, aarch64, riscv64"):
        open_runner(board.address(), target_named("generic"))
    board.check_clean()


def _archive(name: str = "y0.npy", kind: bytes = tarfile.REGTYPE, link: str = "", data: bytes = b"text") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname, entry.size = kind, link, len(data)
        archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


ARCHIVES: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "text": lambda: b"tar: cannot open\n" * 100,
    "cut": lambda: _archive(data=bytes(4096))[:2000],
    "another name": lambda: _archive("z.npy"),
    "another place": lambda: _archive("../y0.npy"),
    "link": lambda: _archive(kind=tarfile.SYMTYPE, link="/etc/passwd", data=b""),
    "folder": lambda: _archive(kind=tarfile.DIRTYPE, data=b""),
    "device": lambda: _archive(kind=tarfile.CHRTYPE, data=b""),
    "damaged": lambda: bytes(byte ^ (i == 150) for i, byte in enumerate(_archive())),
}


@pytest.mark.parametrize("kind", list(ARCHIVES))
def test_an_archive_that_is_none(board: Board, sample: Sample, kind: str) -> None:
    (board.folder / "archive").write_bytes(ARCHIVES[kind]())
    with board.runner() as runner:
        board.program("tar", f'[ "$1" = -cf ] || exec /bin/tar "$@"\ncat {board.folder / "archive"}')
        with mistake(board, "fetching results failed: what the board's tar sent is damaged"):
            runner.run(sample.model(), sample.feeds)
    board.check_clean()


@pytest.mark.parametrize("kind", list(BROKEN_ARRAYS))
def test_an_array_that_is_none(board: Board, sample: Sample, kind: str) -> None:
    (board.folder / "array").write_bytes(BROKEN_ARRAYS[kind])
    names = " ".join(f"y{i}.npy" for i in range(3))
    script = f"for name in {names}; do cat {board.folder / 'array'} >$name; done"
    with (
        board.runner(str(board.program("emulate", script))) as runner,
        mistake(board, "the answer of colonnade-run for 'y29' is damaged"),
    ):
        runner.run(sample.model(), sample.feeds)
    board.check_clean()
