"""Colonnade: prunes convolutional networks column by column and runs them fast on CPUs.

    model = colonnade.prune(colonnade.load("net.onnx"), sparsity=0.75)
    colonnade.compile(model).save("net.colonnade")
    outputs = colonnade.Session("net.colonnade").run(None, {"input": x})

The names below are imported when first used (PEP 562), so `import colonnade` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from colonnade.api import Model, check, compile, evaluate, load, prune
    from colonnade.calibrate.settings import Calibration
    from colonnade.errors import ColonnadeError
    from colonnade.plan.compiler import CompiledModel
    from colonnade.pytorch import from_torch
    from colonnade.runtime.session import Session
    from colonnade.sparse.pattern import Level

__version__ = "0.1.0"

_HOMES = {
    "load": "colonnade.api",
    "check": "colonnade.api",
    "prune": "colonnade.api",
    "compile": "colonnade.api",
    "evaluate": "colonnade.api",
    "Model": "colonnade.api",
    "from_torch": "colonnade.pytorch",
    "Calibration": "colonnade.calibrate.settings",
    "Level": "colonnade.sparse.pattern",
    "CompiledModel": "colonnade.plan.compiler",
    "Session": "colonnade.runtime.session",
    "ColonnadeError": "colonnade.errors",
}

__all__ = [
    "Calibration",
    "ColonnadeError",
    "CompiledModel",
    "Level",
    "Model",
    "Session",
    "check",
    "compile",
    "evaluate",
    "from_torch",
    "load",
    "prune",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
