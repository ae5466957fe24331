"""Which steps may be computed panel by panel with the one before."""

from __future__ import annotations

from collections.abc import Sequence

from colonnade.modelfile.program import Step


def unchain(steps: Sequence[Step]) -> None:
    """Chained steps whose next one can't follow panel by panel are no longer."""
    for step, after in zip(steps, (*steps[1:], None), strict=True):
        if step.chained and not (after and _follows(step, after)):
            step.fields["chained"] = False


def _follows(step: Step, after: Step) -> bool:
    """Whether the strips of both are the same positions, and nothing but what `step` makes is read by `after`."""
    a, b = step.fields, after.fields
    if step.op != "cnm" or after.op != "cnm" or step.views["y"] != after.views["x"] or step.views["strips"]:
        return False
    shape = ("out_h", "out_w", "batch", "vectors", "panel")
    same = all(a[name] == b[name] for name in shape) and a["rows"] == b["channels"]
    none = ("packed", "prepare", "local", "masked", "rowwise", "strip_h", "chained")
    plain = not any(b[name] for name in none) and not (a["rowwise"] or a["local"] or a["strip_h"])
    pointwise = (b["kernel_h"], b["kernel_w"], b["stride_h"], b["stride_w"], b["pad_top"], b["pad_left"]) == (
        1,
        1,
        1,
        1,
        0,
        0,
    )
    planes = (a["y_pitch"], a["y_plane"]) == (b["pitch"], b["plane"])
    cut = bool(a["packed"]) or (a["pitch"], a["plane"]) == (a["y_pitch"], a["y_plane"])
    dense = b["pitch"] == b["out_w"] and b["plane"] == b["pitch"] * b["out_h"]  # type: ignore[operator]
    return same and plain and pointwise and planes and cut and dense
