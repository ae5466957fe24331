"""The command `colonnade-run`: hands over to the native runner, which a checkout compiles on first use."""

from __future__ import annotations

import os
import sys

from colonnade.errors import ColonnadeError
from colonnade.runtime.native import find_products, products
from colonnade.target.toolchain import host_arch


def main() -> None:
    """Replace this process by the native runner."""
    if not find_products(host_arch()):
        print("colonnade-run: compiling the static runner, once (about a minute)", file=sys.stderr)
    try:
        runner = products(host_arch()).runner
    except ColonnadeError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    os.execv(runner, [str(runner), *sys.argv[1:]])
