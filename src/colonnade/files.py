"""Writing files so that a reader sees the old one or the whole new one, never a part."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from colonnade.errors import ColonnadeError

_PARTIAL = ".colonnade-"


def check_writable(path: Path) -> None:
    """ColonnadeError unless a file can be created or replaced at `path`. Call it before long work."""
    folder = path.parent
    if not folder.is_dir():
        raise ColonnadeError(f"{path}: there is no directory {folder}; create it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ColonnadeError(f"{path}: the directory {folder} cannot be written; choose another")
    # os.path answers no where pathlib raises.
    if os.path.isdir(path):  # noqa: PTH112
        raise ColonnadeError(f"{path}: is a directory; name a file")
    if os.path.exists(path) and not os.path.isfile(path):  # noqa: PTH110, PTH113
        raise ColonnadeError(f"{path}: is not a file; choose another name")


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` to `path` by way of a temporary file beside it. ColonnadeError, and nothing left behind, if the
    directory is missing, closed or full."""
    check_writable(path)
    partial = path.with_name(f"{_PARTIAL}{secrets.token_hex(8)}")
    try:
        with partial.open("xb") as stream:
            stream.write(data)
        partial.replace(path)
    except OSError as error:
        raise ColonnadeError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def remove_partial(folder: Path) -> None:
    """Remove what `write_atomic` has left in a folder where its process was killed."""
    for path in folder.glob(f"{_PARTIAL}*"):
        path.unlink(missing_ok=True)
