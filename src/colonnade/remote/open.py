"""Reads `--runner`."""

from __future__ import annotations

from colonnade.errors import ColonnadeError
from colonnade.remote.local import LocalRunner
from colonnade.remote.process import ProcessHost, qemu_command
from colonnade.remote.program import ProgramRunner
from colonnade.remote.runner import Runner
from colonnade.runtime.binding import targets
from colonnade.runtime.native import products
from colonnade.target.targets import Target
from colonnade.target.toolchain import host_arch

OTHERS = "spike, ssh://USER@HOST[:PORT]; qemu, where no time is asked for"
KINDS = f"local, {OTHERS}"


def open_runner(text: str, target: Target) -> Runner:
    """The runner that `text` names, for models of `target`: local, qemu, spike, or ssh://[USER@]HOST[:PORT][/FOLDER].

    ColonnadeError if there is no such runner, or it cannot run models of this target, or it cannot be reached."""
    if text == "local":
        if not runs_here(target):
            raise ColonnadeError(f"this CPU cannot run target {target.name}; name another --runner: {OTHERS}")
        return LocalRunner()
    if text == "qemu":
        command = qemu_command(target)
        host = ProcessHost(products(target.arch).runner, command, " ".join(command[1:]))
        return ProgramRunner("qemu", "none", host)
    if text == "spike":
        from colonnade.remote.spike import open_spike

        return open_spike(target)
    if text.startswith("ssh://"):
        try:
            from colonnade.remote.ssh import SshHost
        except ImportError:
            raise ColonnadeError(f"{text}: needs the asyncssh package; pip install 'colonnade[ssh]'") from None
        return ProgramRunner(text, "measured", SshHost(text, target.arch))
    raise ColonnadeError(f"--runner: '{text}' is not one of {KINDS}")


def runs_here(target: Target) -> bool:
    """Whether this CPU runs models of `target`."""
    return target.arch in ("any", host_arch()) and (target.isa.name, True) in targets()
