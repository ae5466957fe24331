"""Facts about the machine and the software that a time depends on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from colonnade.bench.peers import PEERS
from colonnade.target.cpu import CPUINFO, cpu_fields

_ISA_FLAGS = ("sse4_2", "avx", "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl", "avx512_vnni", "avx512_bf16")
_OWN_DISTRIBUTIONS = ("colonnade", "numpy", "onnx")


def machine_facts(cpuinfo: Path = CPUINFO) -> dict[str, object]:
    """CPU model, processors this process may use, instruction sets of interest, system, versions of all runtimes."""
    fields = cpu_fields(cpuinfo)
    flags = set(fields.get("flags", fields.get("Features", "")).split())
    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "cpu": fields.get("model name") or fields.get("uarch") or platform.processor() or "unknown",
        "architecture": platform.machine(),
        "cpus": len(affinity(0)) if affinity else os.cpu_count(),
        "isa": [flag for flag in _ISA_FLAGS if flag in flags] or fields.get("isa", "").split(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    """Version of each distribution that is installed."""
    names = [*_OWN_DISTRIBUTIONS, *(name for peer in PEERS.values() for name in peer.distributions)]
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
