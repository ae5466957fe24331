"""ONNX's own backend interface (`onnx.backend.base`), so that its tests and tools can run models with Colonnade.

    rep = colonnade.backend.prepare(onnx.load("net.onnx"))
    (y,) = rep.run([x])

A Colonnade model has fixed shapes, and weights are part of it. A model that leaves shapes open, or takes weights as
inputs, is therefore compiled by the first run, for the shapes and weights given to it; another run with the same ones
only runs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.backend import base

from colonnade import api
from colonnade.errors import ColonnadeError
from colonnade.graph.onnx_import import import_model
from colonnade.runtime.session import Session

DEVICE = "CPU"


class ColonnadeRep(base.BackendRep):
    """A model that `prepare` took. threads: cores that one run may use."""

    def __init__(self, model: onnx.ModelProto, threads: int) -> None:
        self._model, self._threads = model, threads
        self._fixed: onnx.ModelProto | None = None
        self._session: Session | None = None

    def run(self, inputs: Any, **_: Any) -> tuple[np.ndarray, ...]:
        """All outputs for an array, or a sequence of arrays in the order of the model's inputs. ColonnadeError for what
        is not supported with these inputs."""
        arrays = [inputs] if isinstance(inputs, np.ndarray) else list(inputs)
        fixed = fixed_model(self._model, arrays)
        if self._session is None or fixed != self._fixed:
            compiled = api.compile(api.Model(fixed, fixed.graph.name or "model"), plan="default", threads=self._threads)
            self._fixed, self._session = fixed, Session(compiled, threads=self._threads)
        names = [entry.name for entry in open_inputs(self._model)]
        feeds = {name: np.asarray(array) for name, array in zip(names, arrays, strict=True)}
        wanted = [entry.name for entry in self._session.get_inputs()]
        return tuple(self._session.run(None, {name: feeds[name] for name in wanted}))


class Backend(base.Backend):
    """Colonnade with the default plan, on the CPU."""

    @classmethod
    def is_compatible(cls, model: onnx.ModelProto, device: str = DEVICE, **_: Any) -> bool:
        """Whether the importer takes the model as it is, for any values of its inputs."""
        try:
            import_model(model)
        except ColonnadeError:
            return False
        return cls.supports_device(device)

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = DEVICE, *, threads: int = 1, **_: Any) -> ColonnadeRep:
        """A model ready to run. ColonnadeError for another device than the CPU; what is not supported of the model is
        told by its first run, which knows the shapes of its inputs."""
        _check_device(device)
        return ColonnadeRep(model, threads)

    @classmethod
    def run_node(  # type: ignore[override]
        cls,
        node: onnx.NodeProto,
        inputs: Any,
        device: str = DEVICE,
        outputs_info: Sequence[tuple[Any, tuple[int, ...]]] | None = None,
        *,
        opset_version: int | None = None,
        threads: int = 1,
        **_: Any,
    ) -> tuple[np.ndarray, ...]:
        """The outputs of one node for its inputs, without those that it leaves out. opset_version: of the domain,
        by default the newest. outputs_info: not needed."""
        _check_device(device)
        arrays = [np.asarray(array) for array in ([inputs] if isinstance(inputs, np.ndarray) else inputs)]
        names = [name for name in node.input if name]
        entries = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
            for name, array in zip(names, arrays, strict=True)
        ]
        outputs = [helper.make_empty_tensor_value_info(name) for name in node.output if name]
        graph = helper.make_graph([node], node.op_type, entries, outputs)
        opset = helper.make_opsetid(node.domain, opset_version or onnx.defs.onnx_opset_version())
        return ColonnadeRep(helper.make_model_gen_version(graph, opset_imports=[opset]), threads).run(arrays)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Whether it is the CPU."""
        return bool(device == DEVICE)


is_compatible = Backend.is_compatible
prepare = Backend.prepare
run_model = Backend.run_model
run_node = Backend.run_node
supports_device = Backend.supports_device


def _check_device(device: str) -> None:
    if not supports_device(device):
        raise ColonnadeError(f"device '{device}' is not supported; there is {DEVICE} alone")


def open_inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """The inputs that a run must give: those without an initializer."""
    stored = {entry.name for entry in model.graph.initializer}
    return [entry for entry in model.graph.input if entry.name not in stored]


def fixed_model(model: onnx.ModelProto, arrays: Sequence[Any]) -> onnx.ModelProto:
    """The model for inputs of these shapes. Of its inputs as few are stored in it, with these values, as the importer
    demands: none, or those that are not f32, or all but the first one that is. ColonnadeError, with the importer's
    reason, where none of that helps."""
    entries = open_inputs(model)
    if len(arrays) != len(entries):
        raise ColonnadeError(f"{model.graph.name}: has {len(entries)} inputs; {len(arrays)} arrays were given")
    given = [_as_array(array, entry) for array, entry in zip(arrays, entries, strict=True)]
    reason = None
    for stored in _stored_inputs(given):
        fixed = _with_stored(model, {entry.name: array for entry, array in zip(entries, given, strict=True)}, stored)
        try:
            import_model(fixed)
            return fixed
        except ColonnadeError as error:
            reason = error
    assert reason is not None
    raise reason


def _as_array(value: Any, entry: onnx.ValueInfoProto) -> np.ndarray:
    if not entry.type.HasField("tensor_type"):
        raise ColonnadeError(f"input '{entry.name}' is not a tensor; only tensors are supported")
    return np.asarray(value)


def _stored_inputs(arrays: Sequence[np.ndarray]) -> Iterator[frozenset[int]]:
    """Which inputs to store, from the fewest to the most; each choice once. One input always stays."""
    real = [index for index, array in enumerate(arrays) if array.dtype == np.float32]
    others = frozenset(range(len(arrays))) - frozenset(real)
    yield from dict.fromkeys([frozenset(), others, others | frozenset(real[1:])] if real else [frozenset()])


def _with_stored(model: onnx.ModelProto, arrays: dict[str, np.ndarray], stored: frozenset[int]) -> onnx.ModelProto:
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    entries = {entry.name: entry for entry in fixed.graph.input}
    for index, (name, array) in enumerate(arrays.items()):
        if index in stored:
            fixed.graph.initializer.append(numpy_helper.from_array(array, name))
            fixed.graph.input.remove(entries[name])
        else:
            kind = entries[name].type.tensor_type.elem_type
            entries[name].CopyFrom(helper.make_tensor_value_info(name, kind, array.shape))
    return fixed
