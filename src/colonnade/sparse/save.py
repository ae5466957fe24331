"""Writes ONNX files, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import onnx
from google.protobuf.message import EncodeError

from colonnade.errors import ColonnadeError
from colonnade.files import check_writable, write_atomic

# A protobuf message, and so an ONNX file without external data, can be no larger.
_LARGEST = 2**31 - 1


def save_model(model: onnx.ModelProto, path: str | os.PathLike[str]) -> None:
    """Write `model` to `path`. ColonnadeError, and nothing left behind, when it cannot be written there or is larger
    than an ONNX file can be."""
    path = Path(path)
    check_writable(path)
    write_atomic(path, _serialize(model, path))


def _serialize(model: onnx.ModelProto, path: Path) -> bytes:
    too_large = f"{path}: the model is larger than one ONNX file can be ({_LARGEST} bytes)"
    try:
        data: bytes = model.SerializeToString()
    except (EncodeError, ValueError) as error:
        raise ColonnadeError(too_large) from error
    if len(data) > _LARGEST:
        raise ColonnadeError(too_large)
    return data
