"""What is known of the CPU this process runs on."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


@cache
def cpu_fields(cpuinfo: Path = CPUINFO) -> dict[str, str]:
    """The first block of /proc/cpuinfo; empty where there is no such file."""
    try:
        block = cpuinfo.read_text(errors="replace").split("\n\n", 1)[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in block.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def cpu_model() -> str:
    """The CPU's name for a reader, with what tells steppings apart on x86."""
    fields = cpu_fields()
    name = fields.get("model name") or fields.get("uarch") or platform.processor() or "unknown CPU"
    family = [fields[key] for key in ("cpu family", "model", "stepping") if key in fields]
    return f"{name} ({'/'.join(family)})" if family else name
