"""The command `colonnade-run`: hands over to the native runner, which a checkout compiles on first use."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from colonnade.errors import ColonnadeError
from colonnade.runtime.native import build_host_runner, runner_path


def main() -> None:
    """Replace this process by the native runner."""
    runner = runner_path()
    if not runner.exists():
        print("colonnade-run: compiling the static runner, once (about a minute)", file=sys.stderr)
        try:
            with tempfile.TemporaryDirectory() as work:
                build_host_runner(Path(work))
        except (ColonnadeError, OSError) as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(2)
    os.execv(runner, [str(runner), *sys.argv[1:]])
