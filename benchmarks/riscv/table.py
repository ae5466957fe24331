"""Puts rows that `colonnade bench --runner spike --json FILE` wrote into a Markdown file, in the place of its table.

python table.py results/networks.json ../../docs/results-riscv.md
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from colonnade.bench.modelled_report import ModelledReport, read_json
from colonnade.bench.modelled_show import HEADINGS, numbers


def markdown(report: ModelledReport) -> str:
    """The rows as a Markdown table."""
    lines = [f"| network | runtime | {' | '.join(HEADINGS)} |", f"|---|---|{'---:|' * len(HEADINGS)}"]
    lines += [f"| {row.model} | {row.label} | {' | '.join(numbers(report, row))} |" for row in report.results]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    rows, page = Path(sys.argv[1]), Path(sys.argv[2])
    table = markdown(read_json(rows))
    page.write_text(re.sub(r"(?:^\|.*\n)+", lambda _: table, page.read_text(), count=1, flags=re.MULTILINE))
