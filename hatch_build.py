"""Builds the native library when the package is installed or a wheel is made; a wheel also gets what is deployed."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = Path(__file__).parent / "src"
DEPLOYED = ("riscv64",)  # boards that models are shipped to from any host


class NativeBuild(BuildHookInterface):  # type: ignore[type-arg]
    """Nothing but the standard library and the compiler is there yet; the modules used here need no more."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        sys.path.insert(0, str(SOURCES))
        from colonnade.runtime.native import build_host_library, products
        from colonnade.target.toolchain import host_arch

        with tempfile.TemporaryDirectory() as work:
            build_host_library(Path(work))
        if version != "editable":
            for arch in {host_arch(), *DEPLOYED}:
                products(arch)
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-manylinux_2_17_{host_arch()}"
