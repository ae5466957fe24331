"""What would become of an ONNX model, before anything is done to it: what cannot be imported, which convolutions can be
pruned, and how much faster the cost rule expects them to be then.

It asks those who do it later: the importer, the rule of `prune`, the plan of `compile`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import onnx

from colonnade.graph.ir import Graph
from colonnade.graph.onnx_file import read_model
from colonnade.graph.onnx_import import survey_model
from colonnade.graph.partition import Partition, operator_counts
from colonnade.graph.passes import optimize
from colonnade.graph.refusals import Refusal, refusal_message
from colonnade.graph.survey import Survey
from colonnade.plan.choose.tiles import tile_chooser
from colonnade.plan.choose.tuner import default_plan
from colonnade.plan.images import plan_parts
from colonnade.plan.ways.costs import candidate_cycles
from colonnade.sparse import prune_model
from colonnade.sparse.convolutions import Convolution, find_convolutions
from colonnade.sparse.prune import DEFAULT_TILE, TileWish, reasons_dense
from colonnade.target.targets import Target

SPARSITIES = (0.5, 0.75)


@dataclass(frozen=True)
class CheckedLayer:
    """A convolution of the file. shape: of its weights, empty when they are not constant. macs: multiply-adds of a run;
    None if Colonnade does not compute it. reason: why `prune` leaves it dense, or None."""

    name: str
    shape: tuple[int, ...]
    macs: int | None
    reason: str | None


@dataclass(frozen=True)
class Stage:
    """A stage of the network if ONNX Runtime runs what cannot be imported. operators: its nodes, counted."""

    native: bool
    operators: Mapping[str, int]


@dataclass(frozen=True)
class Outlook:
    """The answer about one model. faults: inputs and outputs that cannot be imported, in words; refusals: such nodes.
    stages: none if there is neither. gains: for each sparsity, how many times as fast as dense the convolutions are
    together, by the cost rule for `target`; none if there is nothing to prune. notes: what the importer would do
    otherwise than the file says."""

    name: str
    target: str
    faults: tuple[str, ...]
    refusals: tuple[Refusal, ...]
    stages: tuple[Stage, ...]
    layers: tuple[CheckedLayer, ...]
    gains: Mapping[float, float]
    notes: tuple[str, ...]

    @property
    def prunable(self) -> tuple[CheckedLayer, ...]:
        """The layers that `prune` would prune."""
        return tuple(layer for layer in self.layers if layer.reason is None)

    @property
    def imports(self) -> bool:
        """Whether `compile` would take the model without a fallback."""
        return not self.faults and not self.refusals

    @property
    def message(self) -> str:
        """What `compile` would say without a fallback; empty if it would take the model."""
        return refusal_message(self.refusals, self.faults)


def check_model(
    source: str | os.PathLike[str] | onnx.ModelProto,
    target: Target,
    *,
    sparsities: Sequence[float] = SPARSITIES,
    tile: int | TileWish = DEFAULT_TILE,
    group: int | None = None,
    skip: Sequence[str] = (),
    batch: int | None = None,
    input_size: tuple[int, int] | int | None = None,
    shapes: Mapping[str, Sequence[int]] | None = None,
) -> Outlook:
    """What `compile` and `prune` would say of a model, with the options that they have, and the gain to expect.
    ColonnadeError for a file that cannot be read at all, and for options out of range."""
    model, label = read_model(source)

    def surveyed(proto: onnx.ModelProto) -> Survey:
        return survey_model(proto, batch=batch, input_size=input_size, shapes=shapes)

    survey = surveyed(model)
    graph = _native_graph(survey)
    convolutions = find_convolutions(model)
    reasons = reasons_dense(convolutions, skip)
    layers = tuple(_layer(c, reason, survey) for c, reason in zip(convolutions, reasons, strict=True))
    gains: dict[float, float] = {}
    if sparsities and not all(reasons) and (dense := _cycles(graph, target)):
        choose = tile_chooser(optimize(graph), target, group, tile) if isinstance(tile, str) else None
        for sparsity in sparsities:
            pruned, _ = prune_model(model, sparsity=sparsity, tile=tile, group=group, skip=skip, choose_tile=choose)
            gains[sparsity] = dense / _cycles(_native_graph(surveyed(pruned)), target)
    return Outlook(
        name=label,
        target=target.name,
        faults=tuple(survey.faults),
        refusals=tuple(survey.refusals),
        stages=_stages(survey) if "fallback" in survey.places else (),
        layers=layers,
        gains=gains,
        notes=graph.notes,
    )


def _native_graph(survey: Survey) -> Graph:
    assert survey.graph is not None  # a finished survey has one
    return survey.graph


def _layer(convolution: Convolution, reason: str | None, survey: Survey) -> CheckedLayer:
    weights, output = convolution.weights(), convolution.node.output[0]
    if weights is None:
        return CheckedLayer(convolution.name, (), None, reason)
    macs = None
    if output in survey.computed:
        images, _, *plane = survey.tensors[output].shape
        macs = weights.size * images * math.prod(plane)
    return CheckedLayer(convolution.name, weights.shape, macs, reason)


def _cycles(graph: Graph, target: Target) -> float:
    """Of all convolutions, by the default plan."""
    parts = plan_parts(optimize(graph, merge=True), lambda part: default_plan(part, target))
    return sum(
        part.repeats * candidate_cycles(part.plan.problems[name], choice.candidate, target)
        for part in parts
        for name, choice in part.plan.choices.items()
    )


def _stages(survey: Survey) -> tuple[Stage, ...]:
    partition = Partition(survey)
    return tuple(Stage(number % 2 == 0, operator_counts(partition.members(number))) for number in partition.numbers)
