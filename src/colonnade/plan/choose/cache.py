"""Profiles kept on disk, one small JSON file per problem, so that nothing is measured twice on a machine.

The key holds everything that shapes the result: problem, target, threads, CPU model, the library's build digest
(generator, sources, compiler, options) and the sources of the planner. Files are written beside and renamed, so that
two processes may tune at once and a kill loses at most the problem under way.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import platformdirs

from colonnade.errors import ColonnadeError, ColonnadeWarning
from colonnade.files import write_atomic
from colonnade.plan.ways import WAYS, Candidate


def default_cache_dir(kind: str = "plans") -> Path:
    """The user's cache directory for plans, or for another kind of measurements."""
    return Path(platformdirs.user_cache_dir("colonnade")) / kind


@cache
def planner_digest() -> str:
    """Of the Python sources that decide what a candidate is and how it is lowered."""
    package = Path(__file__).parent.parent.parent
    folders = ("kernels", "modelfile", "plan", "sparse", "target")
    digest = hashlib.sha256()
    for path in sorted(path for folder in folders for path in (package / folder).rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


class Records:
    """JSON objects by digest, one small file each. Where no file can be written they are kept in memory."""

    def __init__(self, directory: Path, machine: str) -> None:
        """machine: what all of them depend on (CPU, ISA, threads, build)."""
        self._directory, self._machine = directory, f"{machine}; planner {planner_digest()}"
        self._unwritten: dict[str, str] = {}

    def _path(self, digest: str) -> Path:
        key = hashlib.sha256(f"{self._machine}\n{digest}".encode()).hexdigest()
        return self._directory / f"{key[:40]}.json"

    def read(self, digest: str) -> Any:
        """What was written; None when there is nothing, or nothing whole."""
        try:
            return json.loads(self._unwritten.get(digest) or self._path(digest).read_text())
        except (OSError, ValueError):
            return None

    def write(self, digest: str, fields: Mapping[str, object]) -> None:
        """Keep `fields`. The first that a file cannot hold gives a ColonnadeWarning; no further file is tried then."""
        text = json.dumps({"machine": self._machine, **fields}, indent=1)
        if not self._unwritten:
            try:
                self._directory.mkdir(parents=True, exist_ok=True)
                write_atomic(self._path(digest), text.encode())
                return
            except (OSError, ColonnadeError) as error:
                reason = error.strerror if isinstance(error, OSError) else error
                warnings.warn(
                    f"{self._directory}: what is measured cannot be kept there, so another run will measure it again "
                    f"({reason})",
                    ColonnadeWarning,
                    stacklevel=1,
                )
        self._unwritten[digest] = text


class PlanCache:
    """Measured milliseconds by problem and candidate."""

    def __init__(self, directory: Path, machine: str) -> None:
        """machine: what all profiles of this cache have in common."""
        self._records = Records(directory, machine)

    def load(self, digest: str) -> dict[Candidate, float] | None:
        """Finished measurements of a problem, fastest first; None when there are none, or none that make sense."""
        try:
            rows = self._records.read(digest)["candidates"]
            times = {_candidate(row): float(row["ms"]) for row in rows}
        except (ValueError, TypeError, KeyError):
            return None
        return times or None

    def store(self, digest: str, times: Mapping[Candidate, float], problem: str) -> None:
        """Keep the measurements of a problem; `problem` describes it for a reader of the file."""
        ranked = sorted(times.items(), key=lambda item: item[1])
        rows = [{"way": type(c).__name__, "candidate": asdict(c), "ms": ms} for c, ms in ranked]
        self._records.write(digest, {"problem": problem, "candidates": rows})


def _candidate(row: Mapping[str, Any]) -> Candidate:
    """The candidate of one row of a file. KeyError, TypeError or ValueError if it makes no sense."""
    return {way.__name__: way for way in WAYS}[row["way"]].from_fields(row["candidate"])
