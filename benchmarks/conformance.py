"""Writes docs/conformance.md: which of ONNX's test cases are claimed and right, and real networks against onnxruntime.

python benchmarks/conformance.py [--networks NAME=FILE.onnx ...] [--zoo NAME ...] [-o docs/conformance.md]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import onnxruntime

import colonnade
from colonnade.bench.conformance import Case, judge, light_cases, model_cases, node_cases, table
from colonnade.errors import ColonnadeError
from colonnade.remote.runner import relative_error
from colonnade.zoo import NAMES, build

SPARSITIES = (0.0, 0.5, 0.75)
LIMIT = 1e-4  # of the largest magnitude
HEAD = """\
# Conformance

Written by `python benchmarks/conformance.py`; not by hand. A case of the onnx wheel is *claimed* if the importer takes
its model. Everything claimed is run through [`colonnade.backend`](../src/colonnade/backend.py) with the default plan,
and compared as the wheel's own runner does. Cases that download models are left out.
"""


def network_rows(name: str, model: onnx.ModelProto) -> Iterable[str]:
    """A row for one network: its largest error at each sparsity, as a share of onnxruntime's largest magnitude."""
    cells = []
    for sparsity in SPARSITIES:
        try:
            pruned = colonnade.Model(model, name)
            if sparsity:
                pruned = colonnade.prune(pruned, sparsity)
            error = error_of(pruned)
            cells.append(f"{error:.1e}{'' if error <= LIMIT else ' **too large**'}")
        except ColonnadeError as error:
            cells.append(f"refused: {str(error).split('; supported:')[0][:120]}".replace("|", "\\|"))
            break
    yield f"| {name} | {' | '.join([*cells, *[''] * (len(SPARSITIES) - len(cells))])} |"


def error_of(model: colonnade.Model) -> float:
    """Against onnxruntime on the same file, with normal random inputs."""
    session = colonnade.Session(colonnade.compile(model, plan="default"))
    rng = np.random.default_rng(0)
    feeds = {entry.name: rng.standard_normal(entry.shape).astype(entry.dtype) for entry in session.get_inputs()}
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    peer = onnxruntime.InferenceSession(model.proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_outputs()]
    return relative_error(session.run(names, feeds), peer.run(names, feeds))


def networks(names: Sequence[str], zoo: Sequence[str]) -> list[str]:
    """The table of networks."""
    lines = [f"| network | {' | '.join(f'{s:.0%} zeros' for s in SPARSITIES)} |", "|---|" + "---:|" * len(SPARSITIES)]
    for text in names:
        name, _, path = text.rpartition("=")
        lines += network_rows(name or Path(path).stem, colonnade.load(path).proto)
    for name in zoo:
        lines += network_rows(f"{name} (zoo)", build(name))
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="*", default=[], metavar="NAME=FILE", help="real networks, as ONNX files")
    parser.add_argument("--zoo", nargs="*", default=list(NAMES), metavar="NAME", help="zoo networks")
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parents[1] / "docs" / "conformance.md")
    arguments = parser.parse_args()
    lines = [HEAD, f"onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}.\n"]
    failed = 0
    parts: tuple[tuple[str, Iterator[Case], Literal["operator", "name"]], ...] = (
        ("Cases of single operators", node_cases(), "operator"),
        ("Small models", model_cases(), "operator"),
        ("Light models", light_cases(), "name"),
    )
    for title, cases, by in parts:
        print(title, file=sys.stderr)
        verdicts = [judge(case) for case in cases]
        faults = [f"- {verdict.case.name}: {verdict.fault}" for verdict in verdicts if verdict.fault]
        failed += len(faults)
        lines += [f"## {title}\n", *table(verdicts, by), "", *faults, *([""] if faults else [])]
    print("Networks", file=sys.stderr)
    lines += [
        "## Networks\n",
        f"The largest error as a share of the largest magnitude that onnxruntime gives; at most {LIMIT:g} is right.\n",
        *networks(arguments.networks, arguments.zoo),
        "",
    ]
    arguments.output.write_text("\n".join(lines))
    print(f"{arguments.output}: {failed} claimed cases failed")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
