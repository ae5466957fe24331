"""Addresses of boards, and the other words of --runner."""

from __future__ import annotations

import subprocess
import sys

import pytest
from ssh_board import TARGET

from colonnade.errors import ColonnadeError
from colonnade.remote.address import Address, parse_address
from colonnade.remote.open import open_runner
from colonnade.target.targets import target_named


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ssh://board", Address("ssh://board", "board")),
        ("ssh://pi@board:2222", Address("ssh://pi@board:2222", "board", "pi", 2222)),
        ("ssh://board/var/tmp/", Address("ssh://board/var/tmp/", "board", folder="/var/tmp")),
        ("ssh://board/", Address("ssh://board/", "board")),
        ("ssh://[::1]:22", Address("ssh://[::1]:22", "::1", None, 22)),
        ("ssh://a%40b@board/my%20dir", Address("ssh://a%40b@board/my%20dir", "board", "a@b", folder="/my dir")),
        (
            "ssh://board?prefix=taskset%20-c%204-7",
            Address("ssh://board?prefix=taskset%20-c%204-7", "board", prefix=("taskset", "-c", "4-7")),
        ),
    ],
)
def test_address(text: str, expected: Address) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "ssh://",
        "ssh://:22",
        "ssh://board:port",
        "ssh://board:70000",
        "ssh://board?colour=red",
        "ssh://board?prefix",
        "ssh://board?prefix='",
        "ssh://board#there",
        "ssh://[::1",
    ],
)
def test_not_an_address(text: str) -> None:
    with pytest.raises(ColonnadeError, match="not an address of the form ssh://") as caught:
        parse_address(text)
    assert str(caught.value).startswith(f"{text}: ")


def test_password_in_an_address() -> None:
    """It is not repeated either."""
    with pytest.raises(ColonnadeError, match="no passwords") as caught:
        parse_address("ssh://pi:raspberry@board")
    assert "raspberry" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "target", "words"),
    [
        ("telnet://board", "riscv64-v", ("telnet://board", "local", "ssh://")),
        ("", "riscv64-v", ("''", "local")),
        ("local", "riscv64-v", ("cannot run target riscv64-v", "ssh://")),
        ("qemu", "x86-64-v3", ("emulates riscv64", "x86-64-v3")),
        ("qemu", "generic", ("emulates riscv64", "generic")),
    ],
)
def test_no_such_runner(text: str, target: str, words: tuple[str, ...]) -> None:
    with pytest.raises(ColonnadeError) as caught:
        open_runner(text, target_named(target))
    for word in words:
        assert word in str(caught.value)


def test_without_qemu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ColonnadeError, match=r"no qemu-riscv64 here; apt-get install qemu-user"):
        open_runner("qemu", TARGET)


def test_without_asyncssh() -> None:
    """In a process of its own: modules that fail to import leave traces in the packages around them."""
    code = f"""
import sys
sys.modules["asyncssh"] = None
from colonnade.errors import ColonnadeError
from colonnade.remote.open import open_runner
from colonnade.target.targets import target_named
try:
    open_runner("ssh://board", target_named("{TARGET.name}"))
except ColonnadeError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("ssh://board: needs the asyncssh package; pip install")
