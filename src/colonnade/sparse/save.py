"""Writes ONNX files, whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import onnx
from google.protobuf.message import EncodeError

from colonnade.errors import ColonnadeError

# A protobuf message, and so an ONNX file without external data, can be no larger.
_LARGEST = 2**31 - 1


def save_model(model: onnx.ModelProto, path: str | os.PathLike[str]) -> None:
    """Write `model` to `path` by way of a temporary file beside it, so that readers never see half a file.

    Raises ColonnadeError, and leaves nothing behind, when the directory is missing or cannot be written, when `path`
    is something other than a file, and when the model is larger than an ONNX file can be.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise ColonnadeError(f"{path}: there is no directory {path.parent}; create it first")
    if os.path.exists(path) and not os.path.isfile(path):  # these do not raise where a directory is closed to us
        raise ColonnadeError(f"{path}: is not a file; choose another name")
    data = _serialize(model, path)
    partial = path.with_name(f".colonnade-{secrets.token_hex(8)}")
    try:
        with partial.open("xb") as stream:
            stream.write(data)
        partial.replace(path)
    except OSError as error:
        raise ColonnadeError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def _serialize(model: onnx.ModelProto, path: Path) -> bytes:
    too_large = f"{path}: the model is larger than one ONNX file can be ({_LARGEST} bytes)"
    try:
        data: bytes = model.SerializeToString()
    except (EncodeError, ValueError) as error:
        raise ColonnadeError(too_large) from error
    if len(data) > _LARGEST:
        raise ColonnadeError(too_large)
    return data
