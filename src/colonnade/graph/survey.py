"""What the importer found out about each node of an ONNX file that it can only take in part."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import onnx

from colonnade.graph.inferred import InferredType
from colonnade.graph.ir import Graph
from colonnade.graph.onnx_node import Tensor
from colonnade.graph.refusals import Refusal

Place = Literal["constant", "native", "fallback"]


@dataclass
class Survey:
    """`nodes` in running order, and for each where it can be computed: at import, by Colonnade, or by neither.

    tensors: values that native nodes may read; constants: those that nodes read and that are not stored in the file;
    inferred: types by ONNX's inference; inputs: type and shape of each input of the model. faults: inputs and outputs
    of types that a graph does not have, in words. graph: all that Colonnade can compute; values that other nodes make
    are inputs of it, and those that they read are outputs.
    """

    model: onnx.ModelProto
    label: str
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    inferred: dict[str, InferredType] = field(default_factory=dict)
    inputs: dict[str, InferredType] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    graph: Graph | None = None

    @cached_property
    def computed(self) -> set[str]:
        """The values that Colonnade makes when the model runs, by name."""
        native = (node for node, place in zip(self.nodes, self.places, strict=True) if place == "native")
        return {name for node in native for name in node.output if name}
