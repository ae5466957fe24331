"""The bare-metal image for spike: the runtime as it is deployed, without an operating system, and jobs for it."""

from __future__ import annotations

import hashlib
import struct
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from colonnade.files import write_atomic
from colonnade.runtime.build import CSRC, LIBRARY_SOURCES, OPTIONS, compile_units, source_digest
from colonnade.runtime.native import NATIVE
from colonnade.target.elf import Image
from colonnade.target.isa import isa_named, isas_of
from colonnade.target.toolchain import find_compiler

BARE = Path(__file__).parent / "bare"
OUTSIDE = "bare_"  # functions of the image that are no part of what is measured
_SOURCES = ("start.S", "harness.c", "libc.c")
_JOB_AT = 0x8800_0000  # image.ld
_JOB = struct.Struct("<QQQQQqqiiii")  # bare_job in job.h
_PAGE, _LINE = 4096, 64


def image(native: Path = NATIVE) -> Image:
    """The image of today's sources, built now (some seconds) if need be, with the ziglang package. Two processes that
    ask at once both build it. ColonnadeError if it cannot be built."""
    path = native / f"spike-{_digest()}.elf"
    if not path.exists():
        with tempfile.TemporaryDirectory() as work:
            built = build_image(Path(work))
        native.mkdir(exist_ok=True)
        for outdated in native.glob("spike-*.elf"):
            outdated.unlink(missing_ok=True)
        write_atomic(path, built.data)
    return Image(path.read_bytes())


def _digest() -> str:
    digest = hashlib.sha256(source_digest(isas_of("riscv64")).encode())
    for path in sorted(BARE.iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def build_image(work: Path) -> Image:
    """Compile and link the image; objects and the image itself go to `work`."""
    compiler = find_compiler("riscv64", static=True)
    objects = compile_units("riscv64", compiler, work, LIBRARY_SOURCES, ())
    for name in _SOURCES:
        target = work / f"{name}.o"
        options = [*OPTIONS, "-ffreestanding", *isa_named("riscv64-v").flags, f"-I{work}", f"-I{CSRC}"]
        compiler.run([*options, "-c", str(BARE / name), "-o", str(target)])
        objects.append(str(target))
    linker = replace(compiler, options=tuple(option for option in compiler.options if option != "-s"))
    output = work / "image.elf"
    linker.run(["-nostdlib", "-nostartfiles", f"-Wl,-T,{BARE / 'image.ld'}", *objects, "-o", str(output)])
    return Image(output.read_bytes())


@dataclass(frozen=True)
class Job:
    """A model file and its inputs; steps first .. last - 1 are measured, those before them prepare. evict_bytes: as
    much other memory is read before the run. shown: the (buffer, first byte, bytes) that the run writes, by default
    all outputs."""

    model: bytes
    inputs: Sequence[np.ndarray]
    first: int
    last: int
    evict_bytes: int = 0
    shown: tuple[int, int, int] = (0, 0, 0)

    def place(self, image: Image) -> bytes:
        """The image with this job in it."""
        inputs = [_padded(np.ascontiguousarray(array).tobytes(), _LINE) for array in self.inputs]
        model = _padded(self.model, _PAGE)
        model_at = _JOB_AT + _PAGE
        inputs_at = model_at + len(model)
        heap = _padded_size(inputs_at + sum(map(len, inputs)), _PAGE)
        buffer, at, size = self.shown
        places = (model_at, len(self.model), inputs_at, heap, self.evict_bytes)
        header = _JOB.pack(*places, at, size, self.first, self.last, buffer, 0)
        return image.with_segment(_JOB_AT, b"".join([_padded(header, _PAGE), model, *inputs]))


def _padded_size(size: int, to: int) -> int:
    return -(-size // to) * to


def _padded(data: bytes, to: int) -> bytes:
    return data + bytes(-len(data) % to)
