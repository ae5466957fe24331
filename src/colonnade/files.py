"""Writing files so that a reader sees the old one or the whole new one, never a part."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from colonnade.errors import ColonnadeError


def check_writable(path: Path) -> None:
    """ColonnadeError unless a file can be created or replaced at `path`. Call it before long work."""
    folder = path.parent
    if path.is_dir():
        raise ColonnadeError(f"{path}: is a directory; name a file to write")
    if not folder.is_dir():
        raise ColonnadeError(f"{path}: there is no directory {folder}; create it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ColonnadeError(f"{path}: the directory {folder} cannot be written; choose another")


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` to `path` by way of a temporary file beside it: readers see the old file or the whole new one."""
    check_writable(path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise ColonnadeError(f"{path}: cannot be written: {error.strerror}") from None
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        umask = os.umask(0)
        os.umask(umask)
        partial.chmod(0o666 & ~umask)  # mkstemp's 0600 is for secrets
        partial.replace(path)
    except OSError as error:
        raise ColonnadeError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)
