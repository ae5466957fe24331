"""In which order the nodes of an ONNX graph can run."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

import onnx

from colonnade.errors import ColonnadeError


def values_read(node: onnx.NodeProto) -> set[str]:
    """Names of the values that a node reads, with those that graphs in its attributes take from outside."""
    found = {name for name in node.input if name}
    for attribute in node.attribute:
        if attribute.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS):
            for graph in (attribute.g, *attribute.graphs):
                found |= _free_values(graph)
    return found


def _free_values(graph: onnx.GraphProto) -> set[str]:
    made = {entry.name for entry in graph.input} | {tensor.name for tensor in graph.initializer}
    read = {entry.name for entry in graph.output}
    for node in graph.node:
        read |= values_read(node)
        made.update(node.output)
    return read - made


def in_running_order(nodes: Iterable[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """The nodes, each after those that make what it reads; where that leaves a choice, as they are in the file.

    ColonnadeError if nodes wait for each other. Values that no node makes are not looked at.
    """
    listed = list(nodes)
    maker = {output: i for i, node in enumerate(listed) for output in node.output if output}
    waits_for = [{maker[name] for name in values_read(node) if name in maker} for node in listed]
    readers: list[list[int]] = [[] for _ in listed]
    for i, makers in enumerate(waits_for):
        for j in makers:
            readers[j].append(i)
    missing = [len(makers) for makers in waits_for]
    ready = [i for i, count in enumerate(missing) if not count]
    order = []
    while ready:
        i = heapq.heappop(ready)
        order.append(listed[i])
        for reader in readers[i]:
            missing[reader] -= 1
            if not missing[reader]:
                heapq.heappush(ready, reader)
    if len(order) < len(listed):
        raise ColonnadeError(f"nodes wait for each other in a circle: {_circle(listed, waits_for, missing)}")
    return order


def _circle(nodes: list[onnx.NodeProto], waits_for: list[set[int]], missing: list[int]) -> str:
    """A few nodes of a circle, by their names."""
    at = next(i for i, count in enumerate(missing) if count)
    seen: dict[int, None] = {}
    while at not in seen:
        seen[at] = None
        at = min(j for j in waits_for[at] if missing[j])
    walked = list(seen)
    around = walked[walked.index(at) :]
    names = [f"'{nodes[i].name or nodes[i].output[0]}'" for i in around[:4]]
    return ", ".join([*names, "..."] if len(around) > 4 else names)
