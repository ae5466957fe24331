"""A board: a real SSH server on the loopback address, whose RISC-V programs run under qemu."""

from __future__ import annotations

import getpass
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import asyncssh
import pytest

from colonnade.errors import ColonnadeError
from colonnade.remote.connection import Patience
from colonnade.remote.program import ProgramRunner
from colonnade.remote.ssh import SshHost
from colonnade.target.targets import target_named

TARGET = target_named("spacemit-x60")
SSHD = shutil.which("sshd", path="/usr/sbin:/usr/bin") or "sshd"
QUICK = Patience(connect=5, keepalive=0.5, missed=2, retries=(0.05, 0.2))
CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
SetEnv PATH={folder}/bin:{path}
"""


def wait_until(condition: Callable[[], object], what: str, seconds: float = 20) -> None:
    """Fails if the condition does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.02)


def processes(word: str) -> list[int]:
    """Processes that have `word` in their command line."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if word.encode() in line and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


class Board:
    """An SSH server and the folder it works in. `bin` comes first in the PATH of what it runs."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder, self.home = folder, home
        self.scratch = folder / "scratch"
        for path in (self.scratch, folder / "bin", home / ".ssh"):
            path.mkdir(parents=True)
        user_key = asyncssh.generate_private_key("ssh-ed25519")
        user_key.write_private_key(home / ".ssh" / "id_ed25519")
        user_key.write_public_key(folder / "authorized_keys")
        self.port = next(port for port in _own_ports() if _is_free(port))
        config = CONFIG.format(port=self.port, folder=folder, path=os.environ["PATH"])
        (folder / "config").write_text(config)
        self.new_host_key("ssh-ed25519")
        self.trust()
        self.start()

    def new_host_key(self, kind: str) -> None:
        """As after the board was set up anew."""
        self.host_key = asyncssh.generate_private_key(kind)
        self.host_key.write_private_key(self.folder / "host_key")
        (self.folder / "host_key").chmod(0o600)

    def trust(self) -> None:
        """What `ssh` does when the user accepts the key."""
        public = self.host_key.export_public_key().decode()
        (self.home / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {public}")

    def start(self) -> None:
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # sshd insists
        with (self.folder / "log").open("ab") as log:
            call = [SSHD, "-D", "-e", "-f", str(self.folder / "config")]
            self._server = subprocess.Popen(call, stderr=log, start_new_session=True)
        wait_until(self._listens, f"sshd: {(self.folder / 'log').read_text()}")

    def stop(self) -> None:
        """Switch the board off: the server and every connection. Its port is free then."""
        connections = self.connections()
        self._server.kill()
        self._server.wait()
        for process in connections:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        wait_until(lambda: _is_free(self.port), "the server's processes to end")

    def connections(self) -> list[int]:
        """The server's processes behind connections, outermost first."""
        inner = _children(self._server.pid)
        return [*inner, *(grandchild for child in inner for grandchild in _children(child) if _is_sshd(grandchild))]

    def address(self, command: str = "") -> str:
        words = command or f"qemu-riscv64 -cpu rv64,v=true,vlen={TARGET.vlen},vext_spec=v1.0"
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{self.scratch}?prefix={quote(words)}"

    def runner(self, command: str = "") -> ProgramRunner:
        text = self.address(command)
        return ProgramRunner(text, "measured", SshHost(text, TARGET.arch, QUICK))

    def program(self, name: str, script: str) -> Path:
        """A program of this name that the board finds before any other."""
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    def check_clean(self) -> None:
        """No file and no process of ours is left."""
        wait_until(lambda: not list(self.scratch.iterdir()), "the folder to be removed")
        wait_until(lambda: not processes(str(self.scratch)), "all programs to end")

    def greet(self, script: str) -> None:
        """From now on its shell runs `script` before every command, as one whose .bashrc prints something."""
        shell = self.program("greeter", f'{script}\nexec sh -c "$SSH_ORIGINAL_COMMAND"')
        with (self.folder / "config").open("a") as config:
            config.write(f"ForceCommand {shell}\n")
        self.stop()
        self.start()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def mistake(board: Board, *words: str) -> Iterator[None]:
    """One line that names the board and says `words`; nothing is left on the board."""
    with pytest.raises(ColonnadeError) as caught:
        yield
    message = str(caught.value)
    assert message.startswith("ssh://")
    assert f"127.0.0.1:{board.port}" in message
    assert "\n" not in message
    for word in words:
        assert word in message


def _own_ports() -> Iterator[int]:
    """Below those that the system gives to the other ends of connections, which come and go with every test."""
    while True:
        yield random.randrange(20_000, 30_000)


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def _children(process: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


def _is_sshd(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/comm").read_text().startswith("sshd")
    except OSError:
        return False
