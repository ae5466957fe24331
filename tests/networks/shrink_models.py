"""The smallest part of a model that still fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import onnx
from onnx import numpy_helper
from random_models import RandomModel, UnfitError, make_model, open_session, run_session


def shrunk(model: RandomModel, fails: Callable[[RandomModel], bool]) -> RandomModel:
    """Outputs are left out, then values become outputs in place of what is behind them, then inputs in place of what is
    before them, as long as it fails."""
    graph = model.proto.graph
    values = _all_values(model)
    opset = model.proto.opset_import[0].version
    constants = {entry.name: numpy_helper.to_array(entry) for entry in graph.initializer}
    constants |= {n.output[0]: numpy_helper.to_array(n.attribute[0].t) for n in graph.node if n.op_type == "Constant"}
    real = [name for name, array in values.items() if array.dtype == np.float32 and name not in constants]

    def part(outputs: Sequence[str], cut: Sequence[str]) -> RandomModel | None:
        """Of the nodes that `outputs` need, if the values `cut` are inputs."""
        nodes, needed = [], set(outputs) - set(cut)
        for node in reversed(graph.node):
            if node.op_type != "Constant" and needed & set(node.output) and not set(node.output) <= set(cut):
                nodes.insert(0, node)
                needed |= set(node.input) - set(cut)
        read = {name for node in nodes for name in node.input}
        feeds = {name: values[name] for name in [*model.feeds, *cut] if name in read}
        stored = {name: array for name, array in constants.items() if name in read}
        try:
            proto = make_model(nodes, feeds, dict.fromkeys(outputs), stored, opset)
            found = dict(zip(outputs, run_session(open_session(proto), feeds), strict=True))
        except UnfitError:
            return None
        return replace(model, proto=proto, feeds=feeds, expected=found) if feeds else None

    best, outputs, cut = model, [entry.name for entry in graph.output], []

    def attempt(new_outputs: Sequence[str], new_cut: Sequence[str]) -> bool:
        nonlocal best, outputs, cut
        smaller = part(new_outputs, new_cut)
        if smaller is None or not fails(smaller):
            return False
        best, outputs, cut = smaller, [*new_outputs], [*new_cut]
        return True

    if not any(attempt([name], []) for name in real if name not in model.feeds):
        for name in outputs[:]:
            attempt([other for other in outputs if other != name] or outputs, [])
    for name in reversed(real):
        if name not in outputs and name not in model.feeds:
            attempt(outputs, [*cut, name])
    return best


def _all_values(model: RandomModel) -> dict[str, np.ndarray]:
    """What ONNX Runtime says of every value, in running order."""
    whole = onnx.ModelProto()
    whole.CopyFrom(model.proto)
    names = [name for node in model.proto.graph.node for name in node.output if name]
    del whole.graph.output[:]
    whole.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
    return {**model.feeds, **dict(zip(names, run_session(open_session(whole), model.feeds), strict=True))}
