"""Which steps may be computed panel by panel with the one before."""

from __future__ import annotations

from collections.abc import Mapping

from colonnade.modelfile.program import Program, Step
from colonnade.target.targets import Target

_POINTWISE = {"kernel_h": 1, "kernel_w": 1, "stride_h": 1, "stride_w": 1, "pad_top": 0, "pad_left": 0}


def unchain(program: Program) -> None:
    """Chained steps whose next one can't follow panel by panel are no longer."""
    steps = program.steps
    for step, after in zip(steps, (*steps[1:], None), strict=True):
        if step.chained and not (after and _follows(step, after, program.target)):
            step.fields["chained"] = False


def _follows(step: Step, after: Step, target: Target) -> bool:
    """Whether the strips of both are the same positions (csrc/strips.c), `after` reads all that `step` makes and no
    more, and writes nothing that `step` reads later."""
    if step.op != "cnm" or after.op != "cnm" or step.views["y"] != after.views["x"] or step.views["strips"]:
        return False
    a, b = step.fields, after.fields
    alike = ["out_h", "out_w", "batch", "vectors", "panel"]
    if target.isa.fuses_tails:  # the last strip is longer with a kernel that computes its tail, if there is one
        alike += ["packed", "tile_rows", "tail"]
    if any(a[name] != b[name] for name in alike) or a["rows"] != b["channels"]:
        return False
    apart = ("packed", "prepare", "local", "masked", "rowwise", "strip_h", "chained")
    if any(b[name] for name in apart) or any(a[name] for name in ("rowwise", "local", "strip_h")):
        return False
    dense = b["pitch"] == b["out_w"] and b["plane"] == b["pitch"] * b["out_h"]  # type: ignore[operator]
    planes = (a["y_pitch"], a["y_plane"]) == (b["pitch"], b["plane"])
    cut = bool(a["packed"]) or (a["pitch"], a["plane"]) == (a["y_pitch"], a["y_plane"])
    return _is_pointwise(b) and dense and planes and cut and _ends_with_its_data(a, b, target) and _keeps(step, after)


def _ends_with_its_data(a: Mapping[str, object], b: Mapping[str, object], target: Target) -> bool:
    """Whether the last strip reads no further than its positions. Panels of a pair run side by side: past the end of a
    plane begins the next one, which another thread may be writing."""
    past = b["batch"] * b["out_h"] * b["out_w"] % target.lanes  # type: ignore[operator]
    return not target.isa.lanes or all(past <= step["tail"] for step in (a, b))


def _is_pointwise(fields: Mapping[str, object]) -> bool:
    return all(fields[name] == value for name, value in _POINTWISE.items())


def _keeps(step: Step, after: Step) -> bool:
    """Whether `step` finds all of its input in later panels, although `after` may write over it."""
    read, written = step.views["x"], after.views["y"]
    assert read is not None
    assert written is not None
    own = _is_pointwise(step.fields) or bool(step.fields["prepare"])
    return own or read.storage is not written.storage
