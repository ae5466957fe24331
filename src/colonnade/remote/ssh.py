"""`colonnade-run` on a board behind SSH, with nothing on the board but a shell and tar.

One folder on the board holds everything. A shell there waits for the end of the connection, then ends what still runs
and removes the folder, however the connection ended: this is why nothing has to be cleaned up from here. A connection
that breaks is made anew, with a new folder, and the job is done again.

A board's shell may print anything before it runs a script (a greeting in .bashrc), and a board may be broken. So every
answer begins after a mark that the script writes, and nothing of an answer becomes a path or part of a command before
it is known to be what was asked for.
"""

from __future__ import annotations

import asyncio
import io
import re
import secrets
import signal
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from shlex import join, quote

import asyncssh

from colonnade.errors import ColonnadeError
from colonnade.remote.address import Address, parse_address
from colonnade.remote.connection import Background, Patience, RefusedError, Reply, UnreachableError, command, connect
from colonnade.remote.program import Job, Outcome
from colonnade.runtime.binding import printable, readable
from colonnade.runtime.native import products
from colonnade.target.cpu import name_cpu, parse_cpuinfo
from colonnade.target.toolchain import ARCH_NAMES, ARCHITECTURES

RUNNER = "colonnade-run"
# Prints the mark and the folder's name, and waits for the end of its input. `pid`: of the program that runs.
_JANITOR = """\
echo {mark} >&2
folder=$(mktemp -d {folder}/colonnade-XXXXXXXX) || exit 1
case $folder in {folder}/colonnade-{random}) ;; *) echo "{mark} $folder"; exit 1 ;; esac
trap 'kill "$(cat "$folder/pid")"; rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
echo "{mark} $folder"
exec 2>/dev/null
cat >/dev/null
"""
_RANDOM = "[A-Za-z0-9]" * 8  # what mktemp puts in place of X: a pattern for shells and for `re`
_FILL = "rm -rf {folder} && mkdir {folder} && cd {folder} && exec tar -xf -"
# The program runs in the background so that its number is known; without input.
_RUN = "cd {folder}/job && {{ {call} & echo $! >../pid; wait $!; code=$?; rm ../pid; exit $code; }}"
_LOST = (asyncssh.ConnectionLost, asyncssh.DisconnectError, asyncssh.ChannelOpenError, OSError, UnreachableError)
_MOST_GREETING = 1 << 16  # bytes that a shell may print before the script's own
_MOST_NAME = 200  # characters of the name of a machine or CPU
_SHELL_SIGNAL = 128  # a shell's exit code for a program that a signal ended, less the signal


class SshHost:
    """Calls `colonnade-run` of architecture `arch` ("any": of the board's own) on a board."""

    def __init__(self, text: str, arch: str, patience: Patience | None = None) -> None:
        """Connect and copy the runner. ColonnadeError if that is not possible; no second attempt is made."""
        self._address, self._arch, self._patience = parse_address(text), arch, patience or Patience()
        self._background = Background()
        self._board: _Board | None = None
        self._cpu = ""
        try:
            self._board = self._background.call(self._open())
        except BaseException:
            self._background.close()
            raise

    @property
    def cpu(self) -> str:
        """The board's CPU."""
        return self._cpu

    def execute(self, job: Job) -> Outcome:
        """Copy the job's files, run it, fetch its results; from the start again if the connection breaks."""
        return self._background.call(self._insist(job))

    def close(self) -> None:
        """Disconnect; the board then removes the folder."""
        if self._board is not None:
            self._background.call(self._board.close())
            self._board = None
        self._background.close()

    async def _open(self) -> _Board:
        board = _Board(self._address, await connect(self._address, self._patience), self._patience.connect)
        try:
            self._cpu = await board.prepare(self._arch)
        except BaseException as error:
            await board.close()
            if isinstance(error, asyncssh.Error):
                raise UnreachableError(f"{self._address.text}: {printable(error.reason)}") from error
            raise
        return board

    async def _insist(self, job: Job) -> Outcome:
        waits = iter(self._patience.retries)
        while True:
            try:
                if self._board is None:
                    self._board = await self._open()
                return await self._board.execute(job)
            except _LOST as error:
                await self._drop()
                wait = next(waits, None)
                if wait is None:
                    raise self._given_up(error) from error
                await asyncio.sleep(wait)

    async def _drop(self) -> None:
        if self._board is not None:
            self._board.abort()
            self._board = None

    def _given_up(self, error: Exception) -> ColonnadeError:
        reason = str(error).removeprefix(f"{self._address.text}: ")
        attempts = len(self._patience.retries)
        return ColonnadeError(
            f"{self._address.text}: the connection was lost and {attempts} attempts to go on failed ({reason}); run "
            "the command again, it goes on from what was measured"
        )


class _Board:
    """A connection, and the folder that lives as long."""

    def __init__(self, address: Address, connection: asyncssh.SSHClientConnection, patience: float) -> None:
        """patience: seconds for the board's shell to begin."""
        self._address, self._connection, self._patience = address, connection, patience
        self._mark = f"colonnade-{secrets.token_hex(8)}"  # nobody else prints this
        self._janitor: asyncssh.SSHClientProcess[bytes] | None = None
        self._folder = ""

    async def prepare(self, arch: str) -> str:
        """Make the folder and copy the runner; the name of the board's CPU."""
        try:
            self._folder = await asyncio.wait_for(self._make_folder(), self._patience)
        except TimeoutError:
            raise UnreachableError(
                f"{self._address.text}: its shell does not begin within {self._patience:g} s"
            ) from None
        machine, _, cpuinfo = (await self._ask("uname -m; cat /proc/cpuinfo")).partition("\n")
        own = ARCH_NAMES.get(machine.strip(), machine.strip())
        if arch not in ("any", own) and not self._address.prefix:  # a prefix may be an emulator
            raise RefusedError(
                f"{self._address.text}: the board is {printable(own[:_MOST_NAME])}, the target is {arch}; "
                "name another --target"
            )
        wanted = own if arch == "any" else arch
        if wanted not in ARCHITECTURES:
            known = ", ".join(ARCHITECTURES)
            raise RefusedError(
                f"{self._address.text}: the board is '{printable(own[:_MOST_NAME])}', which is none of {known}"
            )
        found = await asyncio.to_thread(products, wanted)
        await self._upload(f"{self._folder}/bin", {RUNNER: found.runner.read_bytes()})
        return printable(name_cpu(parse_cpuinfo(cpuinfo), machine))[:_MOST_NAME]

    async def _make_folder(self) -> str:
        """Start the janitor; the folder that it made, which has the name that was asked for."""
        script = _JANITOR.format(mark=self._mark, folder=quote(self._address.folder), random=_RANDOM)
        self._janitor = await self._connection.create_process(f"exec sh -c {quote(script)}", encoding=None)
        answer = re.compile(re.escape(self._mark.encode()) + rb" (.*)\n")
        heard = b""
        while not (found := answer.search(heard)):
            more = await self._janitor.stdout.read(1 << 12)
            if not more:
                words = _after(self._mark, await self._janitor.stderr.read(_MOST_GREETING)).strip()
                said = readable(words or heard.strip()[-_MOST_NAME:]) or "no reason given"
                raise self._mistake(f"no folder can be made in {self._address.folder}: {said}")
            heard += more
            if len(heard) > _MOST_GREETING:
                raise self._mistake("its shell prints without end before it runs a command; look at its .bashrc")
        named = re.escape(f"{self._address.folder}/colonnade-".encode()) + _RANDOM.encode()
        if not re.fullmatch(named, found[1]):
            raise self._mistake(f"its mktemp made a folder of another name than was asked for: {readable(found[1])}")
        return found[1].decode()

    async def execute(self, job: Job) -> Outcome:
        """Do a job once."""
        folder = f"{self._folder}/job"
        await self._upload(folder, job.files)
        call = join([*self._address.prefix, f"../bin/{RUNNER}", *job.arguments])
        reply = await self._run(_RUN.format(folder=quote(self._folder), call=call))
        code = _SHELL_SIGNAL - reply.code if reply.code > _SHELL_SIGNAL else reply.code
        if code in (-signal.SIGTERM, -signal.SIGHUP):
            raise asyncssh.ConnectionLost("the board is shutting down")
        return Outcome(code, reply.out, reply.err, {} if code else await self._download(folder, job.results))

    async def close(self) -> None:
        """Let the janitor finish, then disconnect."""
        try:
            if self._janitor is not None:
                self._janitor.stdin.write_eof()
                await asyncio.wait_for(self._janitor.wait(), timeout=10)
        except (OSError, asyncssh.Error):
            pass  # the board notices the end of the connection by itself
        self.abort()

    def abort(self) -> None:
        """Disconnect at once."""
        self._connection.abort()

    async def _run(self, script: str, stdin: Iterator[bytes] | None = None) -> Reply:
        """What the script itself says, without what the shell printed before."""
        marked = f"echo {self._mark}; echo {self._mark} >&2\n{script}"
        reply = await command(self._connection, f"exec sh -c {quote(marked)}", stdin)
        out, err = _after(self._mark, reply.out, b""), _after(self._mark, reply.err)
        if not reply.code and self._mark.encode() not in reply.out:
            raise self._mistake(f"its shell does not run commands: {Reply(0, b'', reply.out + reply.err).complaint}")
        return Reply(reply.code, out, err)

    async def _ask(self, script: str) -> str:
        return (await self._run(script)).out.decode(errors="replace")

    async def _upload(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Make `folder` anew with these files in it."""
        reply = await self._run(_FILL.format(folder=quote(folder)), _archive(files))
        if reply.code:
            needed = sum(map(len, files.values()))
            free = await self._free_bytes(folder)
            if (free is not None and free < needed) or "No space left" in reply.err.decode(errors="replace"):
                left = "" if free is None else f", {free / 1e6:.2f} MB are free"
                raise self._mistake(
                    f"the disk is full: {needed / 1e6:.2f} MB do not fit in {self._address.folder}{left}; make room "
                    "or name another folder: ssh://HOST/FOLDER"
                )
            raise self._mistake(f"copying files to the board failed: {reply.complaint}")

    async def _download(self, folder: str, names: Sequence[str]) -> dict[str, bytes]:
        if not names:
            return {}
        reply = await self._run(f"cd {quote(folder)} && exec tar -cf - {join(names)}")
        if reply.code:
            raise self._mistake(f"fetching results failed: {reply.complaint}")
        try:
            return _unpacked(reply.out, names)
        except (tarfile.TarError, KeyError, ValueError, EOFError, OverflowError):
            raise self._mistake("fetching results failed: what the board's tar sent is damaged") from None

    async def _free_bytes(self, without: str) -> int | None:
        """On the board's disk, once the folder `without` is gone. POSIX: df's fourth column, in 1024-byte blocks."""
        script = f"rm -rf {quote(without)}; df -Pk {quote(self._folder)}"
        words = (await self._ask(script)).splitlines()[-1:]
        columns = words[0].split() if words else []
        return int(columns[3]) * 1024 if len(columns) > 3 and re.fullmatch("[0-9]{1,15}", columns[3]) else None

    def _mistake(self, what: str) -> ColonnadeError:
        return ColonnadeError(f"{self._address.text}: {what}")


def _after(mark: str, said: bytes, otherwise: bytes | None = None) -> bytes:
    """What follows the line that ends with our mark; without one `otherwise`, or all that was said."""
    _, found, answer = said.partition(f"{mark}\n".encode())
    return answer if found else said if otherwise is None else otherwise


def _unpacked(archive: bytes, names: Sequence[str]) -> dict[str, bytes]:
    """Plain files of these names in a tar archive. tarfile.TarError, KeyError or ValueError if it is damaged or they
    are not in it."""
    files = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as opened:  # as it is: nothing that swells
        for name in names:
            member = opened.getmember(name)
            if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.sparse or member.size > len(archive):
                raise ValueError(name)
            file = opened.extractfile(member)
            files[name] = file.read() if file is not None else b""
    return files


def _archive(files: Mapping[str, bytes]) -> Iterator[bytes]:
    """A tar stream, piece by piece, without a second copy of the data."""
    for name, data in files.items():
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(data), 0o700
        yield entry.tobuf(tarfile.USTAR_FORMAT)
        yield from (data[at : at + (1 << 18)] for at in range(0, len(data), 1 << 18))
        yield bytes(-len(data) % tarfile.BLOCKSIZE)
    yield bytes(tarfile.RECORDSIZE)  # at least two empty blocks end an archive
