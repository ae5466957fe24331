"""Which source files know a name: what tests count that say how many files a change touches (docs/layout.md)."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import colonnade

SOURCES = Path(colonnade.__file__).parent
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


@cache
def _words(path: Path) -> frozenset[str]:
    """Names that a Python file uses, and its strings in quotes."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.ClassDef(name=name) | ast.alias(name=name):
                found.add(name)
            case ast.Constant(value=str() as text):
                found.add(f"'{text}'")
    return frozenset(found)


def python_files(*words: str) -> list[str]:
    """Python files in which one of `words` occurs: a name, or in single quotes a whole string."""
    paths = sorted(SOURCES.rglob("*.py"))
    return [str(path.relative_to(SOURCES)) for path in paths if _words(path) & set(words)]


def importers(package: str, name: str) -> list[str]:
    """Python files that import `name` from a module whose dotted name begins with `package`."""
    found = []
    for path in sorted(SOURCES.rglob("*.py")):
        nodes = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom))
        if any((node.module or "").startswith(package) and name in {a.name for a in node.names} for node in nodes):
            found.append(str(path.relative_to(SOURCES)))
    return found


def c_files(*words: str) -> list[str]:
    """C files in which one of `words` occurs outside of comments."""
    paths = sorted((SOURCES / "runtime" / "csrc").rglob("*.[ch]"))
    pattern = re.compile("|".join(rf"\b{re.escape(word)}\b" for word in words))
    return [str(path.relative_to(SOURCES)) for path in paths if pattern.search(_COMMENT.sub(" ", path.read_text()))]
