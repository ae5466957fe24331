"""The test cases that the onnx wheel brings, run through `colonnade.backend`: what is claimed, and whether it is right.

A case is claimed if the importer takes its model, for the shapes of its inputs, and with those inputs stored that it
wants stored (`backend.fixed_model`). Whatever fails after that is a fault: a claimed case never counts as skipped.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from onnx import numpy_helper

from colonnade import backend
from colonnade.elements import DEFAULT
from colonnade.errors import ColonnadeError

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
LIGHT = DATA / "light"
SEVERAL = "several operators"
# Sizes that are rounded down count as they are, with corners aligned.
NOT_AS_ONNX_RUNTIME = (
    "test_resize_downsample_scales_linear_align_corners",
    "test_resize_downsample_scales_cubic_align_corners",
)
FOLDERS = ("simple", "pytorch-converted", "pytorch-operator")
_MOST_REASON = 100  # characters of a reason in a table


@dataclass(frozen=True)
class Case:
    """A model with inputs and what must come out, once or several times."""

    name: str
    model: onnx.ModelProto
    data_sets: Sequence[tuple[Sequence[Any], Sequence[Any]]]
    rtol: float
    atol: float

    @property
    def operator(self) -> str:
        """The model's only operator, or SEVERAL."""
        nodes = self.model.graph.node
        return str(nodes[0].op_type) if len(nodes) == 1 else SEVERAL


@dataclass(frozen=True)
class Verdict:
    """How a case went. refusal: why it is not claimed, None if it is; fault: what is wrong with a claimed one."""

    case: Case
    refusal: str | None
    fault: str | None = None


def node_cases() -> Iterator[Case]:
    """All cases of single operators, those of their expansions into functions included."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the cases are made by numpy, which warns of what they are about
        found = collect_testcases(None)
    for case in found:
        assert case.model is not None
        yield Case(case.name, case.model, case.data_sets or (), case.rtol, case.atol)


def model_cases() -> Iterator[Case]:
    """The small models that the wheel stores with data."""
    from onnx.backend.test.loader import load_model_tests

    for folder in FOLDERS:
        for case in load_model_tests(kind=folder):
            model = onnx.load(Path(case.model_dir or "") / "model.onnx")
            sets = sorted(Path(case.model_dir or "").glob("test_data_set_*"))
            yield Case(case.name, model, [_data_set(path, model) for path in sets], case.rtol, case.atol)


def light_cases() -> Iterator[Case]:
    """The networks of the wheel, whose weights are constant, with the inputs and outputs of its own test."""
    for path in sorted(LIGHT.glob("light_*.onnx")):
        model = onnx.load(path)
        (entry,) = backend.open_inputs(model)
        shape = [dim.dim_value or 1 for dim in entry.type.tensor_type.shape.dim]
        count = int(np.prod(shape))
        ramp = (np.arange(count).reshape(shape) / count).astype(np.float32)
        outputs = [_tensor(path.with_name(f"{path.stem}_output_{i}.pb")) for i in range(len(model.graph.output))]
        yield Case(path.stem, model, [([ramp], outputs)], 1e-3, 1e-7)


def refusal_of(case: Case) -> str | None:
    """Why the importer does not take a case; None: it is claimed."""
    if not case.data_sets:
        return "the case has no data"
    if case.name in NOT_AS_ONNX_RUNTIME:
        return "ONNX Runtime gives other results, and Colonnade those of ONNX Runtime"
    if any(_is_other_real(array) for data in case.data_sets for values in data for array in values):
        return f"it takes or gives real numbers of another size than {DEFAULT.dtype}"
    try:
        for inputs, _ in case.data_sets:
            backend.fixed_model(case.model, [_array(value) for value in inputs])
    except ColonnadeError as error:
        return str(error)
    return None


def _is_other_real(value: Any) -> bool:
    tensor = isinstance(value, np.ndarray | onnx.TensorProto)
    return tensor and _array(value).dtype.name in ("float16", "bfloat16", "float64")


def fault_of(case: Case) -> str | None:
    """What is wrong with the results of a claimed case, in one line; None: they are right."""
    try:
        rep = backend.prepare(case.model)
        for inputs, expected in case.data_sets:
            outputs = rep.run([_array(value) for value in inputs])
            for output, right in zip(outputs, map(_array, expected), strict=True):
                if (output.dtype, output.shape) != (right.dtype, right.shape):
                    return f"{output.dtype} {output.shape} instead of {right.dtype} {right.shape}"
                np.testing.assert_allclose(output, right, rtol=case.rtol, atol=case.atol)
    except AssertionError as error:
        return " ".join(str(error).split())
    except ColonnadeError as error:
        return f"refused after it was imported: {error}"
    return None


def judge(case: Case) -> Verdict:
    """Run a case, if it is claimed."""
    refusal = refusal_of(case)
    return Verdict(case, refusal, None if refusal else fault_of(case))


def reason(verdict: Verdict) -> str:
    """A refusal without the names of the case, so that equal ones can be counted."""
    text = (verdict.refusal or "").removeprefix(f"{verdict.case.model.graph.name}: ")
    text = re.sub(r"; compile with .*", "", text)
    text = re.sub(r"^node '[^']*' \((\w+)\): ", r"\1: ", text)
    text = re.sub(r"^node '[^']*' has operator", "operator", text)
    text = re.sub(r"\bis (?!FLOAT\b)[A-Z][A-Z0-9_]+\b", "is of another type", text)
    text = re.sub(r"'[^']*'|\[[^\]]*\]|\([0-9][^)]*\)", "...", text)
    return text if len(text) <= _MOST_REASON else f"{text[:_MOST_REASON]} ..."


def table(verdicts: Sequence[Verdict], by: Literal["operator", "name"] = "operator") -> list[str]:
    """Lines of a Markdown table: for each operator, or each case, how many are claimed, right, wrong, and not claimed,
    with the commonest reasons."""
    lines = [
        f"| {by} | cases | claimed | passed | failed | not claimed, and why |",
        "|---|---:|---:|---:|---:|---|",
        _row("all", verdicts, ""),
    ]
    for name in sorted({getattr(verdict.case, by) for verdict in verdicts}):
        of = [verdict for verdict in verdicts if getattr(verdict.case, by) == name]
        reasons = Counter(reason(verdict) for verdict in of if verdict.refusal)
        listed = "; ".join(f"{count}: {text}" for text, count in reasons.most_common(3))
        more = len(reasons) - 3
        lines.append(_row(name, of, listed + (f"; and {more} other reasons" if more > 0 else "")))
    return lines


def _row(name: str, verdicts: Sequence[Verdict], why: str) -> str:
    claimed = [verdict for verdict in verdicts if not verdict.refusal]
    failed = sum(verdict.fault is not None for verdict in claimed)
    numbers = (len(verdicts), len(claimed), len(claimed) - failed, failed)
    why = why.replace("|", "\\|") or str(len(verdicts) - len(claimed))
    return f"| {name} | {' | '.join(map(str, numbers))} | {why} |"


def _array(value: Any) -> Any:
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def _tensor(path: Path) -> np.ndarray:
    return numpy_helper.to_array(onnx.load_tensor(path))


def _data_set(folder: Path, model: onnx.ModelProto) -> tuple[Sequence[Any], Sequence[Any]]:
    """The inputs and outputs that a folder stores; what is no tensor stays as its bytes are, which is not supported."""

    def stored(kind: str, entries: Sequence[onnx.ValueInfoProto]) -> list[Any]:
        paths = [folder / f"{kind}_{i}.pb" for i in range(len(entries))]
        tensors = [entry.type.HasField("tensor_type") for entry in entries]
        return [_tensor(p) if is_tensor else p.read_bytes() for p, is_tensor in zip(paths, tensors, strict=True)]

    return stored("input", backend.open_inputs(model)), stored("output", model.graph.output)
