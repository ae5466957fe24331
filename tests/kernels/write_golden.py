"""Writes golden/: the source of small micro-kernels of each kind, the smallest of Winograd's transforms and the
peak's loop for every instruction set."""

from __future__ import annotations

from pathlib import Path

from colonnade.kernels.channels import ChannelKernel, channel_source
from colonnade.kernels.cnm import kernel_source
from colonnade.kernels.depthwise import Window, depthwise_source
from colonnade.kernels.fused import Fused, fused_source
from colonnade.kernels.peak import peak_source
from colonnade.kernels.shapes import Shape
from colonnade.kernels.vertical import vertical_source
from colonnade.kernels.winograd import Filter, transforms_source
from colonnade.target.isa import ISAS

FOLDER = Path(__file__).parent / "golden"
SHAPE = Shape(rows=2, vectors=2)
WINDOW = Window(kernel=3, stride=2, lines=2, vectors=2)
HALF = Shape(rows=2, vectors=3)  # with AVX-512 a register and a half
CHANNELS = ChannelKernel(lines=2, width=2, stride=2)
FUSED = (Fused(Shape(4, 2), 1), Fused(Shape(8, 2), 4))  # one position to a register, and two


def golden_texts() -> dict[str, str]:
    """File name and text of every golden file."""
    kernels = {f"{SHAPE.name(isa)}.c": kernel_source(isa, SHAPE) for isa in ISAS}
    kernels |= {f"{HALF.name(isa)}.c": kernel_source(isa, HALF) for isa in ISAS if isa.wide > 1}
    kernels |= {f"{fused.name(isa)}.c": fused_source(isa, fused) for isa in ISAS if isa.fuses_tails for fused in FUSED}
    kernels |= {f"{CHANNELS.name(isa)}.c": channel_source(isa, CHANNELS) for isa in ISAS}
    kernels |= {f"{WINDOW.name(isa)}.c": depthwise_source(isa, WINDOW) for isa in ISAS}
    kernels |= {f"cnm_peak__{isa.symbol}.c": peak_source(isa) for isa in ISAS}
    kernels |= {f"vertical_4_3__{isa.symbol}.c": vertical_source(isa, Filter(4, 3)) for isa in ISAS}
    return kernels | {f"winograd_2_3__{isa.symbol}.c": transforms_source(isa, Filter(2, 3)) for isa in ISAS}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.iterdir():
        path.unlink()
    for name, text in golden_texts().items():
        (FOLDER / name).write_text(text)
