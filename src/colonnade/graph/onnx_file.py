"""Read an ONNX file, with one clear line for everything that can be wrong with it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import onnx
import onnx.checker
import onnx.inliner
from google.protobuf.message import DecodeError, EncodeError

from colonnade.errors import ColonnadeError, first_line
from colonnade.graph.folding.fold import is_foldable
from colonnade.graph.functions import check_expansion, check_inlining
from colonnade.graph.tensors import external_bytes

# 7 is the first opset with today's broadcasting; the oldest that the tests cover with real networks is 9.
OLDEST_OPSET = 7
DEFAULT_DOMAIN = ("", "ai.onnx")
SPARE_BYTES = 64 * 2**20  # that external data may be read twice and more, whatever their file is


def read_model(source: str | os.PathLike[str] | onnx.ModelProto) -> tuple[onnx.ModelProto, str]:
    """A model with its local functions inlined, and the name to call it by in messages.

    Raises ColonnadeError when the file is missing, is not a whole ONNX model, or lacks its external data. Nodes are
    checked one by one when they are imported: `onnx.checker` refuses whole models that run elsewhere, such as those
    whose outputs have no declared shape.
    """
    label = "model"
    try:
        if isinstance(source, onnx.ModelProto):
            model, label = source, str(source.graph.name or label)
        else:
            label = os.fspath(source)
            model = _load(Path(source))
        check_texts(model)
        if not model.graph.node:
            raise ColonnadeError("not an ONNX model (it has no nodes)")
        return _inlined(model), label
    except ColonnadeError as error:
        raise ColonnadeError(f"{label}: {error}") from error.__cause__


def default_opset(model: onnx.ModelProto) -> int:
    """The version of the default operator set that the model uses."""
    versions = [entry.version for entry in model.opset_import if entry.domain in DEFAULT_DOMAIN]
    newest = onnx.defs.onnx_opset_version()
    if not versions or not OLDEST_OPSET <= versions[0] <= newest:
        found = versions[0] if versions else "missing"
        raise ColonnadeError(f"opset {found} is not supported; export with {OLDEST_OPSET} to {newest}")
    return int(versions[0])


def check_node(node: onnx.NodeProto, opset: int) -> None:
    """Raise ColonnadeError unless the node has the inputs, outputs and attributes that its operator demands."""
    context = onnx.checker.C.CheckerContext()
    context.ir_version = onnx.IR_VERSION
    context.opset_imports = {"": opset}
    try:
        onnx.checker.check_node(node, context)
    except (onnx.checker.ValidationError, UnicodeDecodeError, RuntimeError) as error:
        raise ColonnadeError(first_line(error)) from error


def check_texts(model: onnx.ModelProto) -> None:
    """ColonnadeError if a name is not UTF-8. protobuf finds out when a text is first read, and then gives its bytes or
    raises UnicodeDecodeError, depending on how it was built."""
    try:
        whole = all(isinstance(text, str) for text in _texts(model))
    except UnicodeDecodeError:
        whole = False
    if not whole:
        raise ColonnadeError("the model is damaged: a name in it is not UTF-8")


def _texts(model: onnx.ModelProto) -> Iterator[str]:
    yield from (entry.domain for entry in model.opset_import)
    for function in model.functions:
        yield from (function.name, function.domain, *function.input, *function.output, *function.attribute)
        yield from _texts_of_nodes(function.node)
    yield from _texts_of_graph(model.graph)


def _texts_of_graph(graph: onnx.GraphProto) -> Iterator[str]:
    yield graph.name
    yield from (entry.name for entry in graph.input)
    yield from (entry.name for entry in graph.output)
    for tensor in graph.initializer:
        yield tensor.name
        for entry in tensor.external_data:
            yield from (entry.key, entry.value)
    yield from _texts_of_nodes(graph.node)


def _texts_of_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[str]:
    for node in nodes:
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        for attribute in node.attribute:
            yield from (attribute.name, attribute.ref_attr_name)
            for graph in (attribute.g, *attribute.graphs):
                yield from _texts_of_graph(graph)


def _load(path: Path) -> onnx.ModelProto:
    if path.is_dir():
        raise ColonnadeError("is a directory; give an ONNX file")
    try:
        model = onnx.load(path, format="protobuf", load_external_data=False)
    except FileNotFoundError:
        raise ColonnadeError("no such file") from None
    except OSError as error:
        raise ColonnadeError(f"cannot be read: {error.strerror or first_line(error)}") from error
    except DecodeError:
        raise ColonnadeError("not an ONNX model, or cut short") from None
    check_texts(model)
    wanted, there = external_bytes(model, path.parent)
    if wanted > 4 * there + SPARE_BYTES:
        raise ColonnadeError(f"its external data cannot be read: {wanted} bytes are asked for, {there} are there")
    try:
        onnx.load_external_data_for_model(model, str(path.parent))
    except (onnx.checker.ValidationError, OSError, ValueError, OverflowError) as error:
        raise ColonnadeError(f"its external data cannot be read: {first_line(error)}") from error
    return model


def _inlined(model: onnx.ModelProto) -> onnx.ModelProto:
    if not model.functions:
        return model
    check_inlining(model)
    try:
        return onnx.inliner.inline_local_functions(model)
    except (onnx.checker.ValidationError, ValueError, RuntimeError, DecodeError, EncodeError) as error:
        raise ColonnadeError(f"its functions cannot be inlined: {first_line(error)}") from error


def expanded(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with the operators that nothing here reads, but that ONNX defines by others, replaced by those."""
    opset = default_opset(model)
    chosen = {name for name in _function_names(opset) if not is_foldable(name)}
    calls = sum(node.op_type in chosen and node.domain in DEFAULT_DOMAIN for node in model.graph.node)
    if not calls:
        return model
    check_expansion(calls, model)
    try:
        return onnx.inliner.inline_selected_functions(
            model, [("", name) for name in sorted(chosen)], exclude=False, inline_schema_functions=True
        )
    except (onnx.checker.ValidationError, ValueError, RuntimeError, DecodeError, EncodeError):
        return model  # the nodes are refused one by one


@cache
def _function_names(opset: int) -> frozenset[str]:
    """The operators of the default domain that ONNX defines by a function, whatever their attributes."""
    names = {schema.name for schema in onnx.defs.get_all_schemas() if schema.domain == ""}
    known = [onnx.defs.get_schema(name, opset) for name in names if onnx.defs.has(name, opset)]
    bodies = ("has_function", "has_context_dependent_function")  # which onnx's stubs leave out
    return frozenset(schema.name for schema in known if any(getattr(schema, body) for body in bodies))
