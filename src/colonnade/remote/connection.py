"""One SSH connection: made with keys or the agent to a host whose key is known, and what its failures mean."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import asyncssh

from colonnade.errors import ColonnadeError
from colonnade.remote.address import Address
from colonnade.runtime.binding import printable, readable

Result = TypeVar("Result")
SSH_PORT = 22
KNOWN_HOSTS = (".ssh/known_hosts", "/etc/ssh/ssh_known_hosts")  # the first is below the home directory


@dataclass(frozen=True)
class Patience:
    """Seconds to wait: for a connection; between signs of life, `missed` of which may fail; before each new attempt
    after a connection was lost."""

    connect: float = 15
    keepalive: float = 10
    missed: int = 3
    retries: tuple[float, ...] = (1, 5, 20, 40)


class RefusedError(ColonnadeError):
    """The board, or we, will not have this connection: another attempt would end the same way."""


class UnreachableError(ColonnadeError):
    """No connection now; there may be one later."""


@dataclass(frozen=True)
class Reply:
    """What a command on the board gave. code: the exit code, or minus the signal that ended it."""

    code: int
    out: bytes
    err: bytes

    @property
    def complaint(self) -> str:
        """The first line on stderr; what follows is seldom news."""
        lines = self.err.decode(errors="replace").strip().splitlines()
        return readable(lines[0].encode()) if lines else f"code {self.code}"


class Background:
    """An event loop in a thread of its own, so that connections stay alive while the caller does something else."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="colonnade-ssh", daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Wait for a coroutine; interrupting the wait cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        finally:
            future.cancel()

    def close(self) -> None:
        """Stop the loop and its thread. A second call does nothing."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()


class _Client(asyncssh.SSHClient):
    """Remembers what is wrong with a host key that is not trusted."""

    def __init__(self, known: asyncssh.SSHKnownHosts) -> None:
        self.known = known
        self.objection = ""

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        keys = asyncssh.match_known_hosts(self.known, host, addr, port)[0]
        fingerprint, name = key.get_fingerprint(), host if port == SSH_PORT else f"[{host}]:{port}"
        if key in keys:
            return True
        if keys:
            self.objection = (
                f"its host key has changed: {fingerprint} is not the one in known_hosts; if you know why, forget the "
                f"old one with: ssh-keygen -R '{name}'"
            )
        else:
            self.objection = (
                f"its host key {fingerprint} is not in known_hosts; connect once with ssh to compare it and keep it"
            )
        return False


async def connect(address: Address, patience: Patience) -> asyncssh.SSHClientConnection:
    """A connection. RefusedError or UnreachableError with the reason in one line."""
    client = _Client(_known_hosts(address))
    try:
        connection, _ = await asyncssh.create_connection(
            lambda: client,
            address.host,
            port=() if address.port is None else address.port,  # (): as ssh's own configuration says
            username=() if address.user is None else address.user,
            known_hosts=client.known,
            password_auth=False,
            kbdint_auth=False,
            connect_timeout=patience.connect,
            login_timeout=patience.connect,
            keepalive_interval=patience.keepalive,
            keepalive_count_max=patience.missed,
        )
    except (OSError, asyncssh.Error, asyncssh.KeyImportError, asyncssh.ConfigParseError, ValueError) as error:
        if isinstance(error, asyncssh.KeyExchangeFailed | asyncssh.ConnectionLost | ConnectionResetError):
            await _look_at_key(address, client)
        raise _explained(error, address, client, patience) from error
    return connection


async def _look_at_key(address: Address, client: _Client) -> None:
    """A server whose only key is of another kind than the known one just hangs up. Ask it for any key it has."""
    port = () if address.port is None else address.port
    try:
        key = await asyncssh.get_server_host_key(address.host, port)
    except (OSError, asyncssh.Error):
        return
    if key is not None:
        client.validate_host_public_key(address.host, "", address.port or SSH_PORT, key)


async def command(connection: asyncssh.SSHClientConnection, script: str, stdin: Iterable[bytes] | None = None) -> Reply:
    """Run a shell script on the board. asyncssh.ConnectionLost if the connection breaks before it has ended."""
    source = asyncssh.DEVNULL if stdin is None else asyncssh.PIPE
    process = await connection.create_process(script, encoding=None, stdin=source)
    try:
        for chunk in stdin or ():
            process.stdin.write(chunk)
            await process.stdin.drain()
        if stdin is not None:
            process.stdin.write_eof()
    except (BrokenPipeError, asyncssh.ChannelOpenError):
        pass  # it ended before it had read everything; its reply says why
    done = await process.wait()
    if done.returncode is None:
        raise asyncssh.ConnectionLost("the connection was closed")
    return Reply(done.returncode, _bytes(done.stdout), _bytes(done.stderr))


def _bytes(data: bytes | str | None) -> bytes:
    return data if isinstance(data, bytes) else b""  # never text: no encoding was asked for


def _known_hosts(address: Address) -> asyncssh.SSHKnownHosts:
    paths = [Path.home() / name for name in KNOWN_HOSTS]
    try:
        return asyncssh.read_known_hosts([str(path) for path in paths if path.exists()])
    except (OSError, ValueError) as error:
        raise RefusedError(f"{address.text}: known_hosts cannot be read: {error}") from error


def _explained(error: Exception, address: Address, client: _Client, patience: Patience) -> ColonnadeError:
    """What went wrong while connecting, and whether trying again may help."""
    if client.objection:
        return RefusedError(f"{address.text}: {client.objection}")
    if isinstance(error, asyncssh.PermissionDenied):
        return RefusedError(
            f"{address.text}: it accepts none of your keys; add one to its authorized_keys or load it into ssh-agent"
        )
    if isinstance(error, socket.gaierror):
        return UnreachableError(f"{address.text}: there is no host '{address.host}'")
    if isinstance(error, TimeoutError):
        return UnreachableError(f"{address.text}: no answer within {patience.connect:g} s; is the board on?")
    if isinstance(error, OSError):
        words = os.strerror(error.errno) if error.errno else str(error)
        return UnreachableError(f"{address.text}: cannot connect: {words}; is its SSH server running?")
    if isinstance(error, asyncssh.Error):
        return UnreachableError(f"{address.text}: cannot connect: {printable(error.reason)}")
    return RefusedError(f"{address.text}: {error}")
