"""`colonnade-run` as a process of this machine, by itself or under an emulator."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from colonnade.errors import ColonnadeError
from colonnade.remote.program import Job, Outcome
from colonnade.target.targets import Target


class ProcessHost:
    """Calls the program `runner` behind the words of `prefix`."""

    def __init__(self, runner: Path, prefix: Sequence[str], cpu: str) -> None:
        self._call = (*prefix, str(runner))
        self._cpu = cpu

    @property
    def cpu(self) -> str:
        return self._cpu

    def execute(self, job: Job) -> Outcome:
        """Write the files, wait for the process, read the results."""
        with tempfile.TemporaryDirectory(prefix="colonnade-") as name:
            folder = Path(name)
            try:
                for file, data in job.files.items():
                    (folder / file).write_bytes(data)
                call = [*self._call, *job.arguments]
                done = subprocess.run(call, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=False)
                results = {file: (folder / file).read_bytes() for file in job.results} if not done.returncode else {}
            except OSError as error:
                raise ColonnadeError(f"{error.filename or folder}: {error.strerror}") from error
        return Outcome(done.returncode, done.stdout, done.stderr, results)

    def close(self) -> None:
        """Nothing is kept between calls."""


def qemu_command(target: Target) -> tuple[str, ...]:
    """qemu's user emulation of a CPU like `target`. ColonnadeError if there is none, or qemu is not installed."""
    if target.arch != "riscv64":
        raise ColonnadeError(f"qemu: emulates riscv64 targets, not {target.name}; use --runner local")
    program = shutil.which("qemu-riscv64")
    if program is None:
        raise ColonnadeError("qemu: there is no qemu-riscv64 here; apt-get install qemu-user")
    cpu = "rv64,v=false" if target.vlen is None else f"rv64,v=true,vlen={target.vlen},vext_spec=v1.0"
    return (program, "-cpu", cpu)
