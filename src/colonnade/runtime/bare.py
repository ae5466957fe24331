"""The bare-metal image for spike: the runtime as it is deployed, without an operating system, and jobs for it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from colonnade.runtime.build import CSRC, LIBRARY_SOURCES, OPTIONS, compile_units
from colonnade.target.elf import Image
from colonnade.target.toolchain import find_compiler

BARE = Path(__file__).parent / "bare"
OUTSIDE = "bare_"  # functions of the image that are no part of what is measured
_SOURCES = ("start.S", "harness.c", "libc.c")
_JOB_AT = 0x8800_0000  # image.ld
_JOB = struct.Struct("<QQQQQii")  # bare_job in job.h
_PAGE, _LINE = 4096, 64


def build_image(work: Path) -> Image:
    """Compile and link the image; objects and the image itself go to `work`. Needs the ziglang package."""
    compiler = find_compiler("riscv64", static=True)
    objects = compile_units("riscv64", compiler, work, LIBRARY_SOURCES, ())
    for name in _SOURCES:
        target = work / f"{name}.o"
        vector = "-mcpu=generic_rv64+m+a+f+d+c+v"
        compiler.run(
            [*OPTIONS, "-ffreestanding", vector, f"-I{work}", f"-I{CSRC}", "-c", str(BARE / name), "-o", str(target)]
        )
        objects.append(str(target))
    linker = replace(compiler, options=tuple(option for option in compiler.options if option != "-s"))
    output = work / "image.elf"
    linker.run(["-nostdlib", "-nostartfiles", f"-Wl,-T,{BARE / 'image.ld'}", *objects, "-o", str(output)])
    return Image(output.read_bytes())


@dataclass(frozen=True)
class Job:
    """A model file and its inputs; steps first .. last - 1 are measured, those before them prepare. evict_bytes: as
    much other memory is read before the run."""

    model: bytes
    inputs: Sequence[np.ndarray]
    first: int
    last: int
    evict_bytes: int = 0

    def place(self, image: Image) -> bytes:
        """The image with this job in it."""
        parts = [bytes(_aligned(_JOB.size, _PAGE))]
        model_at = _JOB_AT + len(parts[0])
        parts.append(_padded(self.model, _PAGE))
        inputs_at = model_at + len(parts[1])
        parts += [_padded(np.ascontiguousarray(array, np.float32).tobytes(), _LINE) for array in self.inputs]
        heap = _aligned(_JOB_AT + sum(map(len, parts)), _PAGE)
        header = _JOB.pack(model_at, len(self.model), inputs_at, heap, self.evict_bytes, self.first, self.last)
        return image.with_segment(_JOB_AT, b"".join([header, *parts])[: len(parts[0])] + b"".join(parts[1:]))


def _aligned(size: int, to: int) -> int:
    return -(-size // to) * to


def _padded(data: bytes, to: int) -> bytes:
    return data + bytes(-len(data) % to)
