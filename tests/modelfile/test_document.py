"""The example in docs/model-file.md is what is written."""

from __future__ import annotations

import re
from pathlib import Path

from layers import Compiled, model_of

from colonnade.graph.ir import RELU, Act, Graph, Node
from colonnade.runtime.session import Session
from colonnade.target.targets import target_named

DOCUMENT = Path(__file__).parents[2] / "docs" / "model-file.md"
LINE = re.compile(r"^([0-9a-f]{3})  ((?:[0-9a-f]{2} {1,2}){1,16})", re.MULTILINE)


def test_the_bytes_shown() -> None:
    relu = Node("relu", Act(RELU), ("x",), "y")
    graph = Graph(("x",), ("y",), (relu,), {}, {"x": (1, 4), "y": (1, 4)})
    data = model_of(graph, target_named("generic")).data
    Session(Compiled(data))
    shown = LINE.findall(DOCUMENT.read_text())
    assert len(shown) > 20
    for address, text in shown:
        first, expected = int(address, 16), bytes.fromhex(text.replace(" ", ""))
        assert data[first : first + len(expected)] == expected, address
