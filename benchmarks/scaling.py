"""What more threads and larger batches bring to a model: prints one JSON object.

    python scaling.py MODEL.onnx [--threads 2] [--batch 8] [--rounds 20]

All sessions take turns in one process, each a run to warm up and then as many as one batch has images. `machine` is
what the cores themselves bring: processes of one thread each, on as many cores at once, over one of them alone. No
number of threads can bring more.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import colonnade

# Reads numbers of seconds, answers each with runs per second in that time.
ALONE = """
import sys, time
import numpy as np
import colonnade
session = colonnade.Session(sys.argv[1])
feeds = {entry.name: np.zeros(entry.shape, np.float32) for entry in session.get_inputs()}
session.run(None, feeds)
for line in sys.stdin:
    runs, began = 0, time.perf_counter()
    while time.perf_counter() < began + float(line):
        session.run(None, feeds)
        runs += 1
    print(runs / (time.perf_counter() - began), flush=True)
"""
SECONDS = 0.5  # of runs side by side


def run_ms(session: colonnade.Session, runs: int) -> list[float]:
    """Milliseconds of each run, after one to warm up."""
    feeds = {entry.name: np.zeros(entry.shape, np.float32) for entry in session.get_inputs()}
    session.run(None, feeds)
    found = []
    for _ in range(runs):
        began = time.perf_counter()
        session.run(None, feeds)
        found.append((time.perf_counter() - began) * 1e3)
    return found


def machine_scaling(model: Path, cores: int, rounds: int) -> float:
    """Runs per second of `cores` processes at once over those of one alone, the median of all rounds."""
    command = [sys.executable, "-c", ALONE, str(model)]
    pipe = subprocess.PIPE
    workers = [
        subprocess.Popen(["taskset", "-c", str(core), *command], stdin=pipe, stdout=pipe, text=True)
        for core in range(cores)
    ]

    def rate(those: Sequence[subprocess.Popen[str]]) -> float:
        for worker in those:
            assert worker.stdin is not None
            print(SECONDS, file=worker.stdin, flush=True)
        return sum(float(worker.stdout.readline()) for worker in those if worker.stdout is not None)

    for worker in workers:
        rate([worker])
    found = [rate(workers) / rate(workers[:1]) for _ in range(rounds)]
    for worker in workers:
        worker.communicate()
    return statistics.median(found)


def main() -> None:
    """Compile for one image and for a batch, then time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, metavar="MODEL.onnx")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    if not given.model.is_file():
        parser.error(f"{given.model}: no such file")
    with TemporaryDirectory() as folder:
        one, many = Path(folder, "one.colonnade"), Path(folder, "many.colonnade")
        colonnade.compile(given.model).save(one)
        colonnade.compile(given.model, batch=given.batch).save(many)
        sessions = {
            "one": (colonnade.Session(one), given.batch),
            "threads": (colonnade.Session(one, threads=given.threads), given.batch),
            "batch": (colonnade.Session(many), 1),
        }
        times: dict[str, list[float]] = {name: [] for name in sessions}
        for _ in range(given.rounds):
            for name, (session, runs) in sessions.items():
                times[name] += run_ms(session, runs)
        ms = {name: statistics.median(found) for name, found in times.items()}
        machine = machine_scaling(one, given.threads, given.rounds)
    row = {
        "model": str(given.model),
        "threads": given.threads,
        "batch": given.batch,
        "ms": {name: round(value, 2) for name, value in ms.items()},
        "threads_gain": round(ms["one"] / ms["threads"], 3),
        "machine": round(machine, 3),
        "batch_throughput": round(given.batch * ms["one"] / ms["batch"], 3),
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
