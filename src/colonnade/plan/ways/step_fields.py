"""Parts of the records of convolutions that every way fills in alike."""

from __future__ import annotations

from colonnade.graph.ir import Activation
from colonnade.kernels.arithmetic import ARITHMETICS
from colonnade.modelfile.program import View
from colonnade.modelfile.records import ACTIVATIONS
from colonnade.modelfile.steps import Fields
from colonnade.plan.problem import Geometry
from colonnade.plan.ways.way import Operands


def activation_fields(act: Activation) -> dict[str, object]:
    """An activation as the fields of a record."""
    kind = ACTIVATIONS.index(act.kind)
    return {"act": kind, "lo": act.lo, "hi": act.hi, "alpha": act.alpha, "beta": act.beta}


def plane_fields(g: Geometry) -> dict[str, object]:
    """A convolution's images and the planes they lie in, as the fields of a record."""
    return {
        "arithmetic": ARITHMETICS.index(g.arithmetic),
        "channels": g.channels,
        "batch": g.batch,
        "in_h": g.height,
        "in_w": g.width,
        "x_pitch": g.source.pitch,
        "x_plane": g.source.elements,
        "pad_top": g.pads[0],
        "pad_left": g.pads[1],
        "out_h": g.out_h,
        "out_w": g.out_w,
        "y_pitch": g.target.pitch,
        "y_plane": g.target.elements,
        "y_border": g.target.origin,
    }


def plane_views(g: Geometry, operands: Operands) -> dict[str, View | None]:
    """The first element of each value."""
    return {
        "x": operands.x.shifted(g.source.origin),
        "y": operands.y.shifted(g.target.origin),
        "r": operands.residual and operands.residual.shifted(g.target.origin),
    }


def moved_numbers(fields: Fields) -> int:
    """Numbers that a convolution's step reads and writes: input, output and residual."""
    rows, residual = fields.get("rows", fields["channels"]), fields.get("r_buffer", -1) >= 0
    out = rows * fields["batch"] * fields["out_h"] * fields["out_w"]
    return fields["channels"] * fields["batch"] * fields["in_h"] * fields["in_w"] + (2 * out if residual else out)
