"""Writes what docs/model-file.md shows of the format anew: the bytes of its example, and the tables of fields."""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from layers import model_of

from colonnade.graph.ir import RELU, Act, Graph, Node
from colonnade.modelfile.tables import field_tables
from colonnade.target.targets import target_named

DOCUMENT = Path(__file__).parents[2] / "docs" / "model-file.md"
LINE = re.compile(r"^([0-9a-f]{3})  ((?:[0-9a-f]{2} {1,2}){1,16})", re.MULTILINE)
TABLES = re.compile(r"(?<=<!-- from modelfile/records.py -->\n).*(?=\n<!-- end -->)", re.DOTALL)


def example() -> bytes:
    """The file whose bytes are shown."""
    relu = Node("relu", Act(RELU), ("x",), "y")
    return model_of(Graph(("x",), ("y",), (relu,), {}, {"x": (1, 4), "y": (1, 4)}), target_named("generic")).data


def written_anew(text: str) -> str:
    """The page with the bytes of now, at the addresses that it shows, and the tables of now."""
    data = example()

    def shown(line: re.Match[str]) -> str:
        first, size = int(line[1], 16), len(line[2].split())
        pairs = [f"{byte:02x}" for byte in data[first : first + size]]
        return f"{line[1]}  {' '.join(pairs[:8])}  {' '.join(pairs[8:])}".ljust(len(line[0]))

    return TABLES.sub(lambda _: field_tables(), LINE.sub(shown, text))


if __name__ == "__main__":
    DOCUMENT.write_text(written_anew(DOCUMENT.read_text()))
