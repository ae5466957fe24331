"""Pools over windows and over planes."""

from __future__ import annotations

from colonnade.graph.ir import IDENTITY, GlobalPool, Node, Pool
from colonnade.plan.lowering.context import Lowering
from colonnade.plan.lowering.table import lowers
from colonnade.plan.ways.step_fields import activation_fields


@lowers(Pool)
def pool(to: Lowering, node: Node, op: Pool) -> None:
    batch, channels, in_h, in_w = to.graph.shape(node.inputs[0])
    out_h, out_w = to.graph.shape(node.output)[2:]
    top, left, bottom, right = op.pads
    source, target = to.places.planes(node.inputs[0]), to.places.planes(node.output)
    x, y = to.read_image(node.inputs[0]), to.write(node, to.places.image_order(node.output))
    if any(target.borders):
        to.emit("fill", f"{node.name}:border", {"y": y}, count=y.storage.elements, value=0.0)
    to.emit(
        "pool",
        node.name,
        {"x": x.shifted(source.origin), "y": y.shifted(target.origin)},
        average=op.kind == "avg",
        planes=batch * channels,
        in_h=in_h,
        in_w=in_w,
        x_pitch=source.pitch,
        x_plane=source.elements,
        out_h=out_h,
        out_w=out_w,
        y_pitch=target.pitch,
        y_plane=target.elements,
        kernel_h=op.kernel[0],
        kernel_w=op.kernel[1],
        stride_h=op.strides[0],
        stride_w=op.strides[1],
        dilation_h=op.dilations[0],
        dilation_w=op.dilations[1],
        pad_top=top,
        pad_left=left,
        end_h=in_h + bottom,
        end_w=in_w + right,
        count_pad=op.count_include_pad,
        **activation_fields(IDENTITY),
    )


@lowers(GlobalPool)
def global_pool(to: Lowering, node: Node, op: GlobalPool) -> None:
    batch, channels = to.graph.shape(node.inputs[0])[:2]
    planes = to.places.planes(node.inputs[0])
    x, y = to.read_image(node.inputs[0]).shifted(planes.origin), to.write(node, "cn")
    to.emit(
        "global_pool",
        node.name,
        {"x": x, "y": y},
        average=op.kind == "avg",
        planes=batch * channels,
        height=planes.height,
        width=planes.width,
        x_pitch=planes.pitch,
        x_plane=planes.elements,
    )
