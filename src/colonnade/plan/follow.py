"""Which steps may be computed panel by panel with the one before."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from itertools import pairwise

from colonnade.modelfile.program import Program, Step

_POINTWISE = {"kernel_h": 1, "kernel_w": 1, "stride_h": 1, "stride_w": 1, "pad_top": 0, "pad_left": 0}


def chain(program: Program, names: AbstractSet[str]) -> None:
    """Marks the steps of these names whose next step can follow panel by panel. One that follows is not followed."""
    follower: Step | None = None
    for step, after in pairwise(program.steps):
        if step is not follower and step.name in names and _follows(step, after, program.target.isa.fuses_tails):
            step.fields["chained"] = True
            follower = after


def _follows(step: Step, after: Step, fuses_tails: bool) -> bool:
    """Whether the strips of both are the same positions (csrc/strips.c), `after` reads all that `step` makes and no
    more, and writes nothing that `step` reads later."""
    if step.op != "cnm" or after.op != "cnm" or step.views["y"] != after.views["x"] or step.views["strips"]:
        return False
    a, b = step.fields, after.fields
    alike = ["out_h", "out_w", "batch", "vectors", "panel"]
    if fuses_tails:  # the last strip is longer with a kernel that computes its tail, if there is one
        alike += ["packed", "tile_rows", "tail"]
    if any(a[name] != b[name] for name in alike) or a["rows"] != b["channels"]:
        return False
    apart = ("packed", "prepare", "local", "masked", "rowwise", "strip_h")
    if any(b[name] for name in apart) or any(a[name] for name in ("rowwise", "local", "strip_h")):
        return False
    dense = b["pitch"] == b["out_w"] and b["plane"] == b["pitch"] * b["out_h"]  # type: ignore[operator]
    planes = (a["y_pitch"], a["y_plane"]) == (b["pitch"], b["plane"])
    cut = bool(a["packed"]) or (a["pitch"], a["plane"]) == (a["y_pitch"], a["y_plane"])
    return _is_pointwise(b) and dense and planes and cut and _keeps(step, after)


def _is_pointwise(fields: Mapping[str, object]) -> bool:
    return all(fields[name] == value for name, value in _POINTWISE.items())


def _keeps(step: Step, after: Step) -> bool:
    """Whether `step` finds all of its input in later panels, although `after` may write over it."""
    read, written = step.views["x"], after.views["y"]
    assert read is not None
    assert written is not None
    own = _is_pointwise(step.fields) or bool(step.fields["prepare"])
    return own or read.storage is not written.storage
