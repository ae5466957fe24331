"""What is known of the CPU this process runs on."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import cache
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


@cache
def cpu_fields(cpuinfo: Path = CPUINFO) -> dict[str, str]:
    """The first block of /proc/cpuinfo; empty where there is no such file."""
    try:
        return parse_cpuinfo(cpuinfo.read_text(errors="replace"))
    except OSError:
        return {}


def parse_cpuinfo(text: str) -> dict[str, str]:
    """The first block of a /proc/cpuinfo."""
    pairs = (line.partition(":") for line in text.split("\n\n", 1)[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def cpu_model() -> str:
    """The name of this CPU."""
    return name_cpu(cpu_fields(), platform.processor())


def name_cpu(fields: Mapping[str, str], otherwise: str = "") -> str:
    """A CPU's name for a reader, with what tells steppings apart on x86. `otherwise`: if the fields have no name."""
    name = fields.get("model name") or fields.get("uarch") or otherwise or "unknown CPU"
    family = [fields[key] for key in ("cpu family", "model", "stepping") if key in fields]
    return f"{name} ({'/'.join(family)})" if family else name
