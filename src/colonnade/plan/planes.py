"""How the images of a value lie in memory: side by side, or with zeros around each image.

A convolution finds its padding in such borders and needs no padded copy of its input; when its output has the same
borders, strips run through whole planes. Borders hold zeros whenever a step has finished. Images with borders begin at
cache lines, so that strips do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from colonnade.elements import DEFAULT, Element
from colonnade.modelfile.records import ALIGNMENT

Borders = tuple[int, int, int, int]  # top, left, bottom, right, as ONNX orders pads
NO_BORDERS: Borders = (0, 0, 0, 0)


@dataclass(frozen=True)
class Planes:
    """Images of height x width, each a plane of lines of `pitch` elements.

    left   width  right = left of the next line
    0 0 0 0 0 0 | 0        top, with zeros before it, so that x of line 0 is at `origin`
    0 x x x x x | 0        height
    0 x x x x x | 0
    0 0 0 0 0 0 | 0        bottom; then the last line's right border, and zeros up to `elements`
    """

    height: int
    width: int
    borders: Borders = NO_BORDERS
    element: Element = DEFAULT

    @cached_property
    def lines(self) -> int:
        return self.borders[0] + self.height + self.borders[2]

    @cached_property
    def pitch(self) -> int:
        return self.width + max(self.borders[1], self.borders[3])

    @cached_property
    def origin(self) -> int:
        return self._whole_lines(self.borders[0] * self.pitch + self.borders[1])

    @cached_property
    def elements(self) -> int:
        """From one plane to the next."""
        used = self.corner(self.borders) + self.lines * self.pitch + min(self.borders[1], self.borders[3])
        return self._whole_lines(used) if any(self.borders) else used

    def corner(self, pads: Borders) -> int:
        """Where an image padded by `pads`, which the borders cover, begins."""
        return self.origin - pads[0] * self.pitch - pads[1]

    def covers(self, pads: Borders) -> bool:
        return all(border >= pad for border, pad in zip(self.borders, pads, strict=True))

    def strides(self, images: int) -> tuple[int, int, int, int]:
        """Of [channel][image][y][x], in elements."""
        return images * self.elements, self.elements, self.pitch, 1

    def _whole_lines(self, elements: int) -> int:
        """Elements of as many cache lines."""
        line = ALIGNMENT // self.element.bytes
        return -(-elements // line) * line
