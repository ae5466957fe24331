"""Boards over SSH: a real server on the loopback address, and everything that can happen to it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from ssh_board import QUICK, TARGET, Board, mistake, wait_until

from colonnade.errors import ColonnadeError
from colonnade.remote.open import open_runner
from colonnade.remote.program import ProgramRunner
from colonnade.remote.runner import Trial
from colonnade.remote.ssh import SshHost
from colonnade.target.targets import target_named

if TYPE_CHECKING:
    from tests.remote.conftest import Sample

QEMU = f"qemu-riscv64 -cpu rv64,v=true,vlen={TARGET.vlen},vext_spec=v1.0"


def check_trials(sample: Sample, trials: list[Trial], rounds: int) -> None:
    """Right results and one time per round and step."""
    for trial in trials:
        assert trial.error is not None
        assert trial.error < 1e-5
        assert trial.ms.shape == (rounds, sample.steps())
        assert (trial.ms > 0).all()


@pytest.mark.parametrize("threads", [1, 2])
def test_run(board: Board, sample: Sample, threads: int) -> None:
    with open_runner(board.address(), TARGET) as runner:
        outputs = runner.run(sample.model(threads=threads), sample.feeds, threads)
        assert "colonnade-run" in runner.machine
        assert runner.clock == "measured"
        assert len(list(board.scratch.iterdir())) == 1
    for actual, expected in zip(outputs, sample.expected, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    board.check_clean()


def test_models_take_turns(board: Board, sample: Sample) -> None:
    generic = sample.model(target_named("riscv64"))
    with board.runner() as runner:
        trials = runner.time(
            [sample.model(), generic, sample.model()],
            sample.feeds,
            rounds=3,
            expected=sample.expected,
            evict_bytes=4096,
        )
        check_trials(sample, trials, rounds=3)
        wrong = [array + 1 for array in sample.expected]
        assert runner.time([generic], sample.feeds, rounds=0, expected=wrong)[0].error == pytest.approx(
            1 / max(np.abs(array).max() for array in wrong), rel=0.01
        )
        assert runner.time([], sample.feeds) == []
    board.check_clean()


def test_the_boards_own_architecture(board: Board, sample: Sample) -> None:
    """A model for any architecture gets the runner for what the board says it is."""
    board.program("uname", "echo riscv64")
    with open_runner(board.address(), target_named("generic")) as runner:
        assert len(runner.run(sample.model(target_named("generic")), sample.feeds)) == 3


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256"])
def test_changed_host_key(board: Board, kind: str) -> None:
    board.stop()
    board.new_host_key(kind)
    board.start()
    with mistake(
        board, "host key has changed", board.host_key.get_fingerprint(), f"ssh-keygen -R '[127.0.0.1]:{board.port}'"
    ):
        board.runner()
    board.check_clean()


def test_unknown_host_key(board: Board) -> None:
    (board.home / ".ssh" / "known_hosts").unlink()
    with mistake(board, "is not in known_hosts", board.host_key.get_fingerprint()):
        board.runner()


def test_damaged_known_hosts(board: Board) -> None:
    (board.home / ".ssh" / "known_hosts").write_text("@nonsense 127.0.0.1 ssh-ed25519 AAAA\n")
    with mistake(board, "known_hosts cannot be read"):
        board.runner()


def test_no_key_accepted(board: Board) -> None:
    (board.folder / "authorized_keys").write_text("")
    with mistake(board, "none of your keys", "ssh-agent"):
        board.runner()


def test_nothing_listens(board: Board) -> None:
    board.stop()
    with mistake(board, "cannot connect", "refused"):
        board.runner()


def test_a_board_that_never_answers(board: Board) -> None:
    """Its network is up, so the connection is made, but nobody speaks."""
    board.stop()
    with socket.create_server(("127.0.0.1", board.port)), mistake(board, "no answer within 1 s", "is the board on?"):
        SshHost(board.address(), TARGET.arch, replace(QUICK, connect=1))


def test_no_such_host() -> None:
    with pytest.raises(ColonnadeError, match=r"^ssh://board\.invalid: there is no host 'board\.invalid'$"):
        open_runner("ssh://board.invalid", TARGET)


def test_wrong_architecture(board: Board) -> None:
    board.program("uname", "echo aarch64")
    address = board.address().partition("?")[0]
    with mistake(board, "the board is aarch64", "the target is riscv64"):
        open_runner(address, TARGET)
    board.check_clean()


def test_no_such_folder(board: Board) -> None:
    board.scratch.rmdir()
    with mistake(board, "no folder can be made", str(board.scratch)):
        board.runner()
    board.scratch.mkdir()


def test_a_cpu_without_vectors(board: Board, sample: Sample) -> None:
    with board.runner("qemu-riscv64 -cpu rv64,v=false") as runner:
        with mistake(board, "riscv64-v", "this CPU does not have"):
            runner.run(sample.model(), sample.feeds)
        assert len(runner.run(sample.model(target_named("riscv64")), sample.feeds)) == 3
    board.check_clean()


def _in_background(runner: ProgramRunner, sample: Sample, pool: ThreadPoolExecutor) -> Future[list[Trial]]:
    models = [sample.model(), sample.model()]
    return pool.submit(runner.time, models, sample.feeds, rounds=2, expected=sample.expected)


def _stuck_once(board: Board) -> tuple[Path, str]:
    """A command that hangs when called the first time, and the file with a line for each call."""
    calls = board.folder / "calls"
    script = f'echo >>{calls}; [ "$(wc -l <{calls})" != 1 ] || exec sleep 1000\nexec {QEMU} "$@"'
    return calls, str(board.program("emulate", script))


def test_connection_lost_and_made_again(board: Board, sample: Sample) -> None:
    """The server's processes die in the middle of a batch: it is done again from the start, and nothing is left."""
    calls, command = _stuck_once(board)
    with board.runner(command) as runner, ThreadPoolExecutor(1) as pool:
        batch = _in_background(runner, sample, pool)
        wait_until(calls.exists, "the batch to start")
        for process in board.connections():
            os.kill(process, signal.SIGKILL)
        check_trials(sample, batch.result(timeout=60), rounds=2)
        assert calls.read_text() == "\n\n"
        wait_until(lambda: len(list(board.scratch.iterdir())) == 1, "the first folder to be removed")
    board.check_clean()


def test_a_board_that_falls_silent(board: Board, sample: Sample) -> None:
    """The connection stays, but nobody answers: it counts as lost."""
    calls, command = _stuck_once(board)
    with board.runner(command) as runner, ThreadPoolExecutor(1) as pool:
        batch = _in_background(runner, sample, pool)
        wait_until(calls.exists, "the batch to start")
        silent = board.connections()
        for process in silent:
            os.kill(process, signal.SIGSTOP)
        check_trials(sample, batch.result(timeout=60), rounds=2)
        for process in silent:
            os.kill(process, signal.SIGCONT)
    board.check_clean()


def test_a_board_that_dies(board: Board, sample: Sample) -> None:
    """It is off for good in the middle of a batch; when it is on again the same runner goes on."""
    calls, command = _stuck_once(board)
    with board.runner(command) as runner:
        with (
            mistake(board, "connection was lost", f"{len(QUICK.retries)} attempts", "refused", "run the command again"),
            ThreadPoolExecutor(1) as pool,
        ):
            batch = _in_background(runner, sample, pool)
            wait_until(calls.exists, "the batch to start")
            board.stop()
            batch.result(timeout=60)
        board.check_clean()
        board.start()
        check_trials(sample, runner.time([sample.model()], sample.feeds, expected=sample.expected), rounds=1)
    board.check_clean()


def test_a_board_that_shuts_down(board: Board, sample: Sample) -> None:
    """Programs are ended before connections: no answer of the program, but the end of the connection."""
    calls = board.folder / "calls"
    script = f'echo >>{calls}; [ "$(wc -l <{calls})" != 1 ] || kill $$\nexec {QEMU} "$@"'
    with board.runner(str(board.program("emulate", script))) as runner:
        check_trials(sample, runner.time([sample.model()], sample.feeds, expected=sample.expected), rounds=1)
    assert calls.read_text() == "\n\n"


def test_full_disk_when_connecting(board: Board) -> None:
    board.program("tar", "exec cat >/dev/full")
    with mistake(board, "the disk is full", " MB do not fit in ", str(board.scratch), "MB are free"):
        board.runner()
    board.check_clean()


def test_full_disk_in_the_middle(board: Board, sample: Sample) -> None:
    """When there is room again the same runner goes on."""
    with board.runner() as runner:
        tar = board.program("tar", "exec cat >/dev/full")
        with mistake(board, "the disk is full"):
            runner.time([sample.model()], sample.feeds)
        tar.unlink()
        check_trials(sample, runner.time([sample.model()], sample.feeds, expected=sample.expected), rounds=1)
    board.check_clean()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("kill -9 $$", ("ended by SIGKILL", "enough memory")),
        ("kill -ILL $$", ("ended by SIGILL",)),
        ("exit 0", ("cut short",)),
        ("echo turn 0 12; echo done", ("cut short",)),
        ("echo error zero; echo done", ("cut short",)),
        ("echo out of luck >&2; exit 3", ("code 3", "out of luck")),
        ("exit 3", ("code 3",)),
        ("echo 'error: y0.npy: No space left on device' >&2; exit 2", ("No space left on device",)),
    ],
)
def test_a_program_that_fails(board: Board, sample: Sample, script: str, words: tuple[str, ...]) -> None:
    with board.runner(str(board.program("emulate", script))) as runner, mistake(board, *words):
        runner.time([sample.model()], sample.feeds)
    board.check_clean()


def test_files_that_cannot_be_copied(board: Board, sample: Sample) -> None:
    with board.runner() as runner:
        board.program("tar", "cat >/dev/null; echo tar: broken >&2; exit 1")
        with mistake(board, "copying files", "tar: broken"):
            runner.time([sample.model()], sample.feeds)


def test_results_that_cannot_be_fetched(board: Board, sample: Sample) -> None:
    with board.runner(str(board.program("emulate", "exit 0"))) as runner, mistake(board, "fetching results", "y0.npy"):
        runner.run(sample.model(), sample.feeds)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_colonnade_itself_is_ended(board: Board, sample: Sample, tmp_path: Path, end: signal.Signals) -> None:
    """In the middle of a batch: the board cleans up either way."""
    started = board.folder / "started"
    command = str(board.program("emulate", f"echo >{started}; exec sleep 1000"))
    (tmp_path / "model").write_bytes(sample.model())
    np.savez(tmp_path / "feeds.npz", **sample.feeds)
    script = f"""
import signal
import numpy as np
from colonnade.remote.open import open_runner
from colonnade.target.targets import target_named
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell begins with it ignored
with open_runner({board.address(command)!r}, target_named({TARGET.name!r})) as runner:
    runner.time([open({str(tmp_path / "model")!r}, "rb").read()], dict(np.load({str(tmp_path / "feeds.npz")!r})))
"""
    with subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL) as process:
        wait_until(started.exists, "the batch to start")
        process.send_signal(end)
        assert process.wait(timeout=120) != 0  # it may wait for half a minute for a busy board before it gives up
    board.check_clean()


def test_closing_twice(board: Board) -> None:
    host = SshHost(board.address(), TARGET.arch, QUICK)
    host.close()
    host.close()
    board.check_clean()
