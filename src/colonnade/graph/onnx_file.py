"""Read an ONNX file, with one clear line for everything that can be wrong with it."""

from __future__ import annotations

import os
from pathlib import Path

import onnx
import onnx.checker
import onnx.inliner
from google.protobuf.message import DecodeError

from colonnade.errors import ColonnadeError

# 7 is the first opset with today's broadcasting; the oldest that the tests cover with real networks is 9.
OLDEST_OPSET = 7
DEFAULT_DOMAIN = ("", "ai.onnx")


def read_model(source: str | os.PathLike[str] | onnx.ModelProto) -> tuple[onnx.ModelProto, str]:
    """A model with its local functions inlined, and the name to call it by in messages.

    Raises ColonnadeError when the file is missing, is not a whole ONNX model, or lacks its external data. Nodes are
    checked one by one when they are imported: `onnx.checker` refuses whole models that run elsewhere, such as those
    whose outputs have no declared shape.
    """
    if isinstance(source, onnx.ModelProto):
        model, label = source, source.graph.name or "model"
    else:
        model, label = _load(Path(source)), os.fspath(source)
    if not model.graph.node:
        raise ColonnadeError(f"{label}: not an ONNX model (it has no nodes)")
    if not model.functions:
        return model, label
    try:
        return onnx.inliner.inline_local_functions(model), label
    except (onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        raise ColonnadeError(f"{label}: its functions cannot be inlined: {first_line(error)}") from error


def default_opset(model: onnx.ModelProto, label: str) -> int:
    """The version of the default operator set that the model uses."""
    versions = [entry.version for entry in model.opset_import if entry.domain in DEFAULT_DOMAIN]
    newest = onnx.defs.onnx_opset_version()
    if not versions or not OLDEST_OPSET <= versions[0] <= newest:
        found = versions[0] if versions else "missing"
        raise ColonnadeError(f"{label}: opset {found} is not supported; export with {OLDEST_OPSET} to {newest}")
    return int(versions[0])


def check_node(node: onnx.NodeProto, opset: int) -> None:
    """Raise ColonnadeError unless the node has the inputs, outputs and attributes that its operator demands."""
    context = onnx.checker.C.CheckerContext()
    context.ir_version = onnx.IR_VERSION
    context.opset_imports = {"": opset}
    try:
        onnx.checker.check_node(node, context)
    except onnx.checker.ValidationError as error:
        raise ColonnadeError(first_line(error)) from error


def one_line(text: str) -> str:
    """The text without line breaks and control characters, which names in a damaged file may hold."""
    return "".join(character if character.isprintable() else " " for character in text)


def first_line(error: BaseException) -> str:
    """The first line of an error's text that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _load(path: Path) -> onnx.ModelProto:
    if path.is_dir():
        raise ColonnadeError(f"{path}: is a directory; give an ONNX file")
    try:
        model = onnx.load(path, format="protobuf", load_external_data=False)
    except FileNotFoundError:
        raise ColonnadeError(f"{path}: no such file") from None
    except OSError as error:
        raise ColonnadeError(f"{path}: cannot be read: {error.strerror or first_line(error)}") from error
    except DecodeError:
        raise ColonnadeError(f"{path}: not an ONNX model, or cut short") from None
    try:
        onnx.load_external_data_for_model(model, str(path.parent))
    except (onnx.checker.ValidationError, OSError, ValueError) as error:
        raise ColonnadeError(f"{path}: its external data cannot be read: {first_line(error)}") from error
    return model
