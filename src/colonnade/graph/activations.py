"""Activations: element-wise functions of one variable. One row is all there is to one.

The importer, the oracle in numpy, the enumeration in the model file and the C code are made from the rows. A row's
place is its number in model files: new rows go to the end. Standard library only (read by the build hook).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from colonnade.graph.formula import literal, substitute

PARAMETERS = ("lo", "hi", "alpha", "beta")  # of a formula, beside x


@dataclass(frozen=True)
class Row:
    """formula: of x and the parameters (graph/formula.py), what numpy and C compute. onnx: the operator that is this
    function; attributes: those of its attributes that are parameters, with the defaults of ONNX. Operators with other
    attributes or with operands are read in graph/onnx_ops/activation.py."""

    name: str
    formula: str
    onnx: str | None = None
    attributes: Mapping[str, float] = field(default_factory=dict)


# tanh(softplus(x)) = n / (n + 2) with this n, e * (e + 2) of e = exp(x). From x = 20 on the quotient is 1.
_MISH = "(exp(min(x, 20)) * (exp(min(x, 20)) + 2))"

ROWS = (
    Row("clamp", "clamp(x, lo, hi)"),  # identity, Relu, Relu6 and Clip: micro-kernels do it themselves
    Row("sigmoid", "sigmoid(x)", onnx="Sigmoid"),
    Row("hard_sigmoid", "clamp(alpha * x + beta, 0, 1)", onnx="HardSigmoid", attributes={"alpha": 0.2, "beta": 0.5}),
    Row("hard_swish", "x * clamp(x * (1 / 6) + 0.5, 0, 1)", onnx="HardSwish"),
    Row("silu", "x * sigmoid(x)"),
    Row("leaky_relu", "x if x >= 0 else alpha * x", onnx="LeakyRelu", attributes={"alpha": 0.01}),
    Row("tanh", "tanh(x)", onnx="Tanh"),
    Row("elu", "x if x >= 0 else alpha * (exp(x) - 1)", onnx="Elu", attributes={"alpha": 1.0}),
    Row("mish", f"0 if x <= -80 else x * ({_MISH} / ({_MISH} + 2))", onnx="Mish"),
    Row("gelu", "0.5 * x * (1 + erf(x * 0.7071067811865476))"),
    Row("gelu_tanh", "0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))"),
    Row("softplus", "max(x, 0) + log(1 + exp(-abs(x)))", onnx="Softplus"),
)

_BY_NAME = {row.name: row for row in ROWS}


@dataclass(frozen=True)
class Activation:
    """The function of row `kind` with its parameters; those that its formula does not use mean nothing."""

    kind: str = "clamp"
    lo: float = -math.inf
    hi: float = math.inf
    alpha: float = 0.0
    beta: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in _BY_NAME:
            raise ValueError(f"unknown activation '{self.kind}'; known: {', '.join(_BY_NAME)}")

    @property
    def formula(self) -> str:
        return _BY_NAME[self.kind].formula

    @property
    def parameters(self) -> dict[str, float]:
        """All of PARAMETERS by name."""
        return {name: getattr(self, name) for name in PARAMETERS}

    def after(self, formula: str) -> str:
        """The formula of this activation of what `formula` gives (graph/formula.py)."""
        if self.is_identity:
            return formula
        parameters = {name: literal(value) for name, value in self.parameters.items()}
        return substitute(self.formula, {"x": formula, **parameters})

    @property
    def is_identity(self) -> bool:
        return self.kind == "clamp" and self.lo == -math.inf and self.hi == math.inf


IDENTITY = Activation()
RELU = Activation(lo=0.0)
