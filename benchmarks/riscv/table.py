"""Prints rows that `colonnade bench --runner spike --json FILE` wrote as the Markdown table of docs/results-riscv.md.

python table.py results/networks.json
"""

from __future__ import annotations

import sys
from pathlib import Path

from colonnade.bench.modelled_report import read_json
from colonnade.bench.modelled_show import HEADINGS, numbers


def main() -> None:
    """The table, on standard output."""
    report = read_json(Path(sys.argv[1]))
    print(f"| network | runtime | {' | '.join(HEADINGS)} |\n|---|---|{'---:|' * len(HEADINGS)}")
    for row in report.results:
        print(f"| {row.model} | {row.label} | {' | '.join(numbers(report, row))} |")


if __name__ == "__main__":
    main()
