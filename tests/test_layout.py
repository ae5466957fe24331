"""Packages import only what comes before them in the order of processing (docs/layout.md)."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import colonnade

ROOT = Path(colonnade.__file__).parent

# Modules and packages in their order; those on one line may not import each other.
ORDER: tuple[tuple[str, ...], ...] = (
    ("errors", "elements"),
    ("files",),
    ("graph",),
    ("data",),
    ("zoo", "sparse"),
    ("target",),
    ("kernels",),
    ("modelfile",),
    ("runtime",),
    ("remote", "deploy"),
    ("plan",),
    ("accuracy", "calibrate"),
    ("api",),
    ("backend", "pytorch"),
    ("bench", "train"),
    ("budget",),
    ("cli",),
    ("__main__",),
)
PLACES = {name: place for place, names in enumerate(ORDER) for name in names}


def _package(module: str) -> str:
    """The entry of ORDER that a module below colonnade belongs to."""
    return module.partition(".")[0]


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(path: Path) -> set[str]:
    """Modules below colonnade that a file imports, wherever in it, without the leading `colonnade.`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.removeprefix("colonnade.") for name in found if name.startswith("colonnade.")}


FILES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=_module)
def test_imports_point_backwards(path: Path) -> None:
    own = _package(_module(path))
    for name in _imported(path) - {"__version__"}:
        other = _package(name)
        assert own == other or PLACES[other] < PLACES[own], f"{own} imports {other} ({name})"


def test_every_package_has_its_place() -> None:
    assert {_package(_module(path)) for path in FILES} == set(PLACES)


def _imports_below(folder: str) -> dict[str, set[str]]:
    return {_module(path): _imported(path) for path in FILES if _module(path).startswith(f"{folder}.")}


# Parts of plan/ in their order: a part imports only from itself and from those before it.
PLAN_ORDER = (
    "planes",
    "problem",
    "copy",
    "ways",
    "choose",
    "lowering",
    "lower",
    "images",
    "check",
    "compiler",
    "shapes",
    "stages",
    "work",
)


def test_imports_in_plan_point_backwards() -> None:
    """What is known of a convolution, how it may be computed, what is chosen, and what that is lowered to."""
    imports = _imports_below("plan")
    assert {module.split(".")[1] for module in imports} == set(PLAN_ORDER)
    for module, names in imports.items():
        own = PLAN_ORDER.index(module.split(".")[1])
        later = [n for n in names if n.startswith("plan.") and PLAN_ORDER.index(n.split(".")[1]) > own]
        assert later == [], module


def test_ways_by_other_algorithms_know_nothing_of_columns() -> None:
    """A way is one file, or one folder, beside what all have in common."""
    for module, names in _imports_below("plan.ways").items():
        if not module.startswith("plan.ways.columns"):
            assert [name for name in names if name.startswith("plan.ways.columns")] == [], module


def test_operators_know_nothing_of_onnx() -> None:
    """How ONNX spells them is known to the importer alone."""
    for module, names in _imports_below("graph.operators").items():
        for name in names:
            assert name.startswith(("graph.operators.", "graph.activations.", "graph.formula.", "elements.")), (
                f"{module} imports {name}"
            )


def test_the_build_needs_the_standard_library_alone() -> None:
    """hatch_build.py runs before any dependency is installed."""
    code = f"import sys; sys.path.insert(0, {str(ROOT.parent)!r}); import colonnade.runtime.native"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)


def test_importing_colonnade_loads_nothing() -> None:
    """Names are imported when first used."""
    names = "m for m in sys.modules if m.startswith(('colonnade.', 'numpy', 'onnx'))"
    code = f"import sys, colonnade; print(*({names}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
