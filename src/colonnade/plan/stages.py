"""Compiles a network of which ONNX Runtime runs what the importer does not take."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import onnx
from onnx import helper

from colonnade.elements import DEFAULT
from colonnade.errors import ColonnadeError
from colonnade.graph.inferred import InferredType
from colonnade.graph.ir import Graph
from colonnade.graph.onnx_import import import_model, survey_model
from colonnade.graph.partition import REAL_TYPES, Part, Partition, operator_counts
from colonnade.graph.passes import optimize
from colonnade.modelfile.staged import Stage, Staged, Value, write_staged
from colonnade.plan.compiler import CompiledModel, LayerPlan
from colonnade.plan.shapes import Wanted
from colonnade.runtime.binding import checksum
from colonnade.runtime.onnx_piece import OnnxPiece
from colonnade.runtime.staged import nodes_text

Fallback = Literal["onnxruntime"]
CompileGraph = Callable[[Graph], CompiledModel]


def compile_stages(
    source: str | os.PathLike[str] | onnx.ModelProto,
    fallback: str,
    compile_native: CompileGraph,
    wanted: Wanted,
) -> CompiledModel | None:
    """The model compiled in stages; None if the importer takes all of it. ColonnadeError for an unknown fallback, if
    it is not installed, for several shapes, and for what neither of the two takes."""
    if fallback not in get_args(Fallback):
        raise ColonnadeError(f"fallback '{fallback}' is unknown; there is {', '.join(get_args(Fallback))}")
    survey = survey_model(source, batch=wanted.batches[0], input_size=wanted.sizes[0], shapes=wanted.shapes)
    if "fallback" not in survey.places:
        return None
    if len(wanted.batches) * len(wanted.sizes) > 1:
        raise ColonnadeError(f"{survey.label}: with a fallback a file holds one batch and one size; give one of each")
    partition = Partition(survey)
    stages: list[Stage] = []
    layers: list[LayerPlan] = []
    notes: dict[str, None] = {}
    target = "onnxruntime"
    for number in partition.numbers:
        part = partition.part(number)
        if part.native:
            compiled = compile_native(optimize(import_model(part.model), merge=True))
            layers += compiled.layers
            notes.update(dict.fromkeys(compiled.notes))
            piece, target = compiled.data, compiled.target
        else:
            piece = _onnx_piece(part, partition)
        stages.append(
            Stage(
                "native" if part.native else "onnxruntime",
                part.inputs,
                part.outputs,
                operator_counts(part.nodes),
                piece,
            )
        )
    inputs = tuple(_value(name, survey.inputs[name]) for name in survey.inputs)
    network = Staged(inputs, tuple(_output(name, partition) for name in partition.outputs), tuple(stages))
    told = tuple(f"stage {i + 1}, {stage.kind}: {nodes_text(stage)}" for i, stage in enumerate(stages))
    return CompiledModel(write_staged(network, checksum), target, tuple(layers), (*notes, *told))


def _onnx_piece(part: Part, partition: Partition) -> bytes:
    """A part that ONNX Runtime takes; what it says of its outputs goes to the partition. Where the shapes of inputs do
    not fit a branch that never runs, they are left open."""
    piece = part.model.SerializeToString()
    try:
        partition.types.update(_types_made(part, piece, partition))
    except ColonnadeError as refusal:
        for entry in part.model.graph.input:
            entry.type.tensor_type.ClearField("shape")
        piece = part.model.SerializeToString()
        try:
            partition.types.update(_types_made(part, piece, partition))
        except ColonnadeError:
            raise refusal from None
    return piece


def _types_made(part: Part, piece: bytes, partition: Partition) -> dict[str, InferredType]:
    """What ONNX Runtime says of the outputs of a part, which it must take."""
    made = OnnxPiece(piece, partition.survey.label, threads=1).outputs()
    found = {}
    for own, value in part.outputs:
        dtype, shape = made[own]
        partition.ranks[value] = shape
        known = min(shape, default=0) >= 0
        found[value] = InferredType(helper.np_dtype_to_tensor_dtype(dtype), shape if known else None)
    return found


def _value(name: str, kind: InferredType) -> Value:
    """Real numbers are f32 outside, as in any model file."""
    dtype = np.dtype(DEFAULT.dtype) if kind.elem_type in REAL_TYPES else helper.tensor_dtype_to_np_dtype(kind.elem_type)
    assert kind.shape is not None
    return Value(name, str(dtype), kind.shape)


def _output(name: str, partition: Partition) -> Value:
    kind = partition.type_of(name)
    if kind.shape is None:  # its sizes depend on data
        return replace(_value(name, InferredType(kind.elem_type, ())), shape=partition.ranks[name])
    return _value(name, kind)
