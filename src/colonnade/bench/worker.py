"""One runtime in one process of its own, timed on demand.

Processes rather than threads of one, so that every runtime loads with the same processor affinity, thread pools and
allocators do not meet, a crash is a reported failure, and converters' and libraries' chatter goes to a log.
The clock starts and stops inside the worker: what passes between the processes is not timed.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np

from colonnade.bench.cpus import pinned
from colonnade.bench.peers import PEERS, Job, PeerAbsentError, Run

OWN = "colonnade"
_LOAD_TIMEOUT_S = 600.0
_RUN_TIMEOUT_S = 120.0
_LOG = "log"


Status = Literal["absent", "failed", "wrong result"]  # not there; cannot take the model or died; must not be timed


class WorkerError(Exception):
    """A runtime that gives no time. The message is the reason, one line."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class _Reply:
    status: Literal["ready", "absent", "failed"]
    reason: str = ""
    output: np.ndarray | None = None
    ms: float = 0.0


class Worker:
    """A runtime with a model loaded and run once: `output` holds the result. Use as a context manager.

    `model` is an ONNX file with static shapes for a peer, a compiled model for "colonnade"; `x` is the one input.
    Raises WorkerError when the runtime is not there, cannot take the model, or dies.
    """

    def __init__(self, runtime: str, model: Path, x: np.ndarray, threads: int) -> None:
        self._scratch = TemporaryDirectory(prefix="colonnade-bench-")
        self._runtime = runtime
        workdir = Path(self._scratch.name)
        context = get_context("spawn")  # a forked copy would share this process's thread pools and allocators
        self._connection, theirs = context.Pipe()
        job = Job(model.resolve(), x.shape, threads, workdir)
        self._process = context.Process(target=_serve, args=(theirs, runtime, job, x), daemon=True)
        self._process.start()
        theirs.close()
        try:
            output = self._receive(_LOAD_TIMEOUT_S).output
            assert output is not None  # a "ready" reply to loading carries it
            self.output: np.ndarray = output
        except BaseException:
            self.close()
            raise

    def time_ms(self) -> float:
        """Wall time of one run, in milliseconds; an untimed run just before brings caches and clocks to speed."""
        try:
            self._connection.send(True)
        except OSError:
            raise WorkerError("failed", self._death()) from None
        return self._receive(_RUN_TIMEOUT_S).ms

    def close(self) -> None:
        """End the process and remove its files."""
        with suppress(OSError):
            self._connection.send(False)
        self._process.join(timeout=2)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._connection.close()
        self._scratch.cleanup()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _receive(self, timeout_s: float) -> _Reply:
        try:
            if not self._connection.poll(timeout_s):
                raise WorkerError("failed", f"{self._runtime} gave no answer within {timeout_s:.0f} s")
            reply = self._connection.recv()
        except (EOFError, OSError):
            raise WorkerError("failed", self._death()) from None
        assert isinstance(reply, _Reply)
        if reply.status != "ready":
            raise WorkerError(reply.status, reply.reason)
        return reply

    def _death(self) -> str:
        self._process.join(timeout=2)
        log = Path(self._scratch.name, _LOG).read_text(errors="replace").strip().splitlines()
        return f"{self._runtime} ended with exit code {self._process.exitcode}" + (f": {log[-1]}" if log else "")


def _serve(connection: Connection, runtime: str, job: Job, x: np.ndarray) -> None:
    """The worker's life: pin, load, run once, then one timed run per request until told to stop."""
    with (job.workdir / _LOG).open("wb", buffering=0) as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    try:
        with pinned(job.threads):
            run = _load(runtime, job)
            connection.send(_Reply("ready", output=np.array(run(x))))
            while connection.recv():
                run(x)
                start = time.perf_counter()
                run(x)
                connection.send(_Reply("ready", ms=(time.perf_counter() - start) * 1e3))
    except PeerAbsentError as error:
        connection.send(_Reply("absent", str(error)))
    except EOFError:
        pass  # the parent is gone
    except Exception as error:  # whatever a foreign runtime raises is its failure, to be reported as such
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        connection.send(_Reply("failed", lines[0] if lines else type(error).__name__))


def _load(runtime: str, job: Job) -> Run:
    if runtime != OWN:
        return PEERS[runtime].load(job)
    from colonnade.runtime.session import Session

    session = Session(str(job.model), threads=job.threads)
    name, outputs = session.get_inputs()[0].name, [session.get_outputs()[0].name]
    return lambda x: np.asarray(session.run(outputs, {name: x})[0])
