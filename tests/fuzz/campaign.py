"""Fuzz for some minutes and say what came of it: `python tests/fuzz/campaign.py --minutes 10` (make fuzz).

Ends with code 1 if there was a finding. What is found stays in a folder, each file with the changes to a recipe that
lead to it, as few as will do."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from changes import Change, apply, differences, fewest
from fuzzer import build_fuzzer, cause, complaint, run_fuzzer, write_corpus
from layers import RUNNABLE
from recipes import build, recipes_of

from colonnade.modelfile import records
from colonnade.target.targets import Target, target_named


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where findings go; without it, a new temporary folder")
    parser.add_argument("--target", default="generic", choices=[target.name for target in RUNNABLE])
    arguments = parser.parse_args()
    target = target_named(arguments.target)
    folder: Path = arguments.folder or Path(tempfile.mkdtemp(prefix="colonnade-fuzz-"))
    program = build_fuzzer(folder / "build", target, "-O1")
    corpus = write_corpus(folder / "corpus", target)
    outcome = run_fuzzer(program, corpus, folder, round(60 * arguments.minutes), arguments.jobs, go_on=True)
    (folder / "log").write_text(outcome.log)
    print(outcome)
    causes: dict[str, Path] = {}
    for finding in outcome.findings:
        causes.setdefault(cause(complaint(program, finding)), finding)
    for what, finding in causes.items():
        print(f"\n{finding}\n  {what}\n  {explain(program, finding, target)}")
    print(f"\n{len(outcome.findings)} findings of {len(causes)} kinds in {folder}")
    return 1 if outcome.findings else 0


def explain(program: Path, finding: Path, target: Target) -> str:
    """The fewest changes to the recipe that a file came from after which it still fails in the same place."""
    data = finding.read_bytes()
    name = str(records.HEADER.unpack(data[: records.HEADER.size])["planned_for"], "latin1").rstrip("\0")
    if name not in recipes_of(target):
        return "of no recipe"
    base, what, tried = build(name, target), cause(complaint(program, finding)), finding.with_suffix(".tried")

    def fails(changes: Sequence[Change]) -> bool:
        tried.write_bytes(apply(base, changes))
        return cause(complaint(program, tried)) == what

    changes = differences(base, data)
    shortest = fewest(changes, fails) if fails(changes) else changes
    tried.unlink()
    told = json.dumps({"recipe": name, "changes": shortest})
    finding.with_suffix(".json").write_text(told + "\n")
    return told


if __name__ == "__main__":
    raise SystemExit(main())
