"""Activations: one row says all, and a row that says too little stops the build."""

from __future__ import annotations

import builtins
import math
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from layers import ACTIVATIONS
from onnx_checks import NEWEST_OPSET, one_node

import colonnade
from colonnade.graph.activations import ROWS, Activation, Row
from colonnade.graph.formula import FUNCTIONS, speak
from colonnade.graph.ir import Act
from colonnade.graph.onnx_import import import_model
from colonnade.graph.operators.activation import NumpyLanguage, activate
from colonnade.modelfile.records import ACTIVATIONS as RECORDED
from colonnade.runtime.activation_code import activation_loops

SOURCES = Path(colonnade.__file__).parent
HEADER = (SOURCES / "runtime" / "csrc" / "activation.h").read_text()
X = np.linspace(-4, 4, 33, dtype=np.float32)
PYTHON = {
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "clamp": lambda x, lo, hi: min(max(x, lo), hi),
    "sign": lambda x: math.copysign(1, x) if x else 0.0,
    "pow": math.pow,
    "mod": lambda x, y: x % y,
}  # others are built in, or in math


def test_numbers_in_model_files_stay() -> None:
    """A row's place is its number: new rows go to the end."""
    assert RECORDED[:5] == ("clamp", "sigmoid", "hard_sigmoid", "hard_swish", "silu")
    assert tuple(row.name for row in ROWS) == RECORDED
    assert len(set(RECORDED)) == len(RECORDED)


def test_every_row_is_run_by_the_tests_of_kernels() -> None:
    assert {act.kind for act in ACTIVATIONS} == {row.name for row in ROWS}


@pytest.mark.parametrize("row", [row for row in ROWS if row.onnx], ids=lambda row: row.name)
def test_the_onnx_operator_of_a_row_is_read_with_its_defaults(row: Row) -> None:
    assert row.onnx
    schema = onnx.defs.get_schema(row.onnx)
    assert set(row.attributes) == set(schema.attributes)
    (node,) = import_model(one_node(row.onnx, (1, 2), opset=NEWEST_OPSET)).nodes
    expected = {name: schema.attributes[name].default_value.f for name in row.attributes}
    assert node.op == Act(Activation(row.name, **{name: pytest.approx(value) for name, value in expected.items()}))


def test_a_formula_in_numpy() -> None:
    act = Activation("hard_sigmoid", alpha=0.5, beta=0.25)
    y = activate(X, act)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, np.clip(0.5 * X + 0.25, 0, 1), rtol=1e-6)


def test_a_formula_in_c() -> None:
    """A row is a case of its own; x is an element, parameters come from the step."""
    code = activation_loops([Row("bent", "x if x > 0 else -alpha * (exp(x) - 1) / 2")])
    assert "case CLN_ACT_BENT:" in code
    assert "CLN_ACT_ROWS(cln_choose(x[i] > 0.0f, x[i], ((-act.alpha * (cln_exp(x[i]) - 1.0f)) / 2.0f)))" in code
    assert "default" not in code


@pytest.mark.parametrize(
    "formula",
    [
        "sinc(x)",
        "gamma * x",
        "x ** 2",
        "x.real",
        "clamp(x, 0)",
        "x and 1",
        "x if x else 1",
        "'x'",
        "x < 1 < 2",
        "not x",
    ],
)
def test_a_row_that_cannot_be_spoken_stops_the_build(formula: str) -> None:
    with pytest.raises(ValueError, match="is not understood"):
        activation_loops([*ROWS, Row("new", formula)])


def test_an_unknown_activation_is_named() -> None:
    with pytest.raises(ValueError, match="unknown activation 'swoosh'; known: clamp, sigmoid"):
        Activation("swoosh")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_of_formulas_is_known_in_both_languages(function: str) -> None:
    x = {"acosh": X + 5.5, "atanh": X / 5, "asin": X / 4, "acos": X / 4}.get(function, X)
    x = np.abs(x) + 0.5 if function in ("log", "sqrt", "pow") else x
    names = {"x": x, "lo": np.float32(-1), "hi": np.float32(1)}
    formula = f"{function}({', '.join(list(names)[: FUNCTIONS[function]])})"
    python = PYTHON.get(function) or getattr(builtins, function, None) or getattr(math, function)
    expected = [
        python(*(float(names[n][i] if n == "x" else names[n]) for n in list(names)[: FUNCTIONS[function]]))
        for i in range(x.size)
    ]
    np.testing.assert_allclose(speak(formula, names, NumpyLanguage()), expected, rtol=1e-5, atol=1e-6)
    assert f"static inline float cln_{function}(float " in HEADER


def test_a_row_is_in_one_file() -> None:
    """Nothing else knows the last row's name. Passes and spellings may know one, as they do of those before."""
    quoted = re.compile(rf"""["']{ROWS[-1].name}["']|CLN_ACT_{ROWS[-1].name.upper()}\b""")
    files = [path for path in SOURCES.rglob("*.*") if path.suffix in (".py", ".c", ".h")]
    assert [path.name for path in files if quoted.search(path.read_text())] == ["activations.py"]
