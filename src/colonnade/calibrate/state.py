"""Layers that are finished, kept on disk, so that a run that was killed goes on where it stopped."""

from __future__ import annotations

import fcntl
import hashlib
import io
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.files import write_atomic

_SUFFIX = ".layer.npz"


@dataclass(frozen=True)
class NewLayer:
    """weights f32 [Cout, Cin/groups, kh, kw], bias f32 [Cout]; error: as in LayerReport."""

    weights: np.ndarray
    bias: np.ndarray
    error: float


class Finished:
    """The finished layers of one request, by their places in the order of pruning."""

    def __init__(self, folder: Path, request: bytes, samples: np.ndarray) -> None:
        """request, samples: all that the result depends on. Layers of other requests in `folder` are not seen."""
        digest = hashlib.sha256(request)
        digest.update(np.ascontiguousarray(samples).data)
        for source in sorted(Path(__file__).parent.glob("*.py")):
            digest.update(source.read_bytes())
        self._folder, self._key = folder, digest.hexdigest()[:32]

    def load(self, index: int) -> NewLayer | None:
        """None when there is nothing, or nothing whole."""
        try:
            with np.load(self._path(index), allow_pickle=False) as arrays:
                return NewLayer(arrays["weights"], arrays["bias"], float(arrays["error"]))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return None

    def save(self, index: int, layer: NewLayer) -> None:
        """Keep a layer, whole or not at all."""
        stream = io.BytesIO()
        np.savez(stream, weights=layer.weights, bias=layer.bias, error=layer.error)
        write_atomic(self._path(index), stream.getvalue())

    def _path(self, index: int) -> Path:
        return self._folder / f"{self._key}-{index}{_SUFFIX}"


@contextmanager
def workplace(folder: Path | None) -> Iterator[tuple[Path, Path]]:
    """A folder for finished layers and an empty one inside it for activations, which ends with the `with`.

    The first is `folder`, made if need be. Finished layers stay in it unless all went well; without them it goes, if it
    holds nothing else. None: a temporary one. ColonnadeError if it cannot be made, or another process works in it.
    """
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="colonnade-") as temporary:
            yield Path(temporary), Path(tempfile.mkdtemp(dir=temporary))
        return
    with _locked(folder):
        activations = folder / "colonnade-activations"
        shutil.rmtree(activations, ignore_errors=True)
        activations.mkdir()
        try:
            yield folder, activations
            for path in folder.glob(f"*{_SUFFIX}"):
                path.unlink()
        finally:
            shutil.rmtree(activations, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """For one process at a time."""
    path = folder / "colonnade-lock"
    try:
        folder.mkdir(exist_ok=True)
        lock = path.open("w")
    except OSError as error:
        raise ColonnadeError(f"{folder}: unfinished work cannot be kept there: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ColonnadeError(f"{folder}: another process is at work there; wait for it") from None
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
            with suppress(OSError):  # it holds something
                folder.rmdir()
