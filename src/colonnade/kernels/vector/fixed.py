"""What instruction sets with vectors of a fixed length have in common: a row of a strip is some of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class FixedLength:
    """`parts` vectors in straight-line code; scalars are broadcast before use."""

    parts: int
    strip_begin: tuple[str, ...] = ("{",)
    strip_end: tuple[str, ...] = ("}",)
    at: str = ""
    register: str = ""

    def part(self, v: int) -> Self:
        return self

    @property
    def vector(self) -> str:
        raise NotImplementedError

    @property
    def lanes(self) -> int:
        raise NotImplementedError

    @property
    def scalar_type(self) -> str:
        return self.vector

    def load(self, address: str) -> str:
        raise NotImplementedError

    def store(self, address: str, value: str) -> str:
        raise NotImplementedError

    def broadcast(self, scalar: str) -> str:
        raise NotImplementedError

    def scalar(self, scalar: str) -> str:
        return self.broadcast(scalar)

    def add(self, a: str, b: str) -> str:
        raise NotImplementedError

    def add_scalar(self, scalar: str, c: str) -> str:
        return self.add(scalar, c)

    def maximum(self, lo: str, c: str) -> str:
        """The larger; c where that is NaN."""
        raise NotImplementedError

    def minimum(self, hi: str, c: str) -> str:
        """The smaller; c where that is NaN."""
        raise NotImplementedError

    def clamp(self, accumulators: Sequence[str]) -> Iterator[str]:
        bounds = (("lo", "-__builtin_inff()", self.maximum), ("hi", "__builtin_inff()", self.minimum))
        for bound, none, within in bounds:
            yield f"if (a->{bound} != {none}) {{"
            yield f"  const {self.vector} {bound} = {self.broadcast(f'a->{bound}')};"
            yield from (f"  {c} = {within(bound, c)};" for c in accumulators)
            yield "}"

    def clamp_above(self, accumulators: Sequence[str]) -> Iterator[str]:
        return self.clamp(accumulators)

    def split(self, address: str, names: Sequence[str]) -> Iterator[str]:
        loaded = [f"{names[0]}_{k}" for k in range(len(names))]
        for k, name in enumerate(loaded):
            yield f"const {self.vector} {name} = {self.load(f'{address} + {k * self.lanes}')};"
        yield from self._apart(loaded, names)

    def _apart(self, whole: Sequence[str], names: Sequence[str]) -> Iterator[str]:
        """Lane p of names[j] is element m * p + j of `whole`, m vectors laid end to end: by halves, even and odd, while
        m has halves."""
        if len(names) % 2:
            for j, name in enumerate(names):
                elements = range(j, len(names) * self.lanes, len(names))
                yield f"const {self.vector} {name} = {self._picked(whole, elements)};"
            return
        for first, half in enumerate((names[::2], names[1::2])):
            lanes = range(first, 2 * self.lanes, 2)
            parts = [f"{half[0]}_{len(half)}{k}" for k in range(len(half))]
            for k, part in enumerate(parts):
                yield f"const {self.vector} {part} = {shuffle(whole[2 * k], whole[2 * k + 1], lanes)};"
            yield from self._apart(parts, half)

    def ends(self, count: int, left: str) -> Iterator[str]:
        yield f"const int32_t left = (int32_t){left};"

    def merge(self, names: Sequence[str]) -> Iterator[str]:
        whole: list[str] = []
        yield from self._together(names, whole)
        floats = len(names) * self.lanes
        yield f"float rest[{floats}], *to = y;  /* what ends inside a vector goes through the former */"
        yield f"if (left < {floats}) {{"
        yield "  if (r) copy_floats(rest, r, left), r = rest;"
        yield "  to = rest;"
        yield "}"
        yield from self._finish(
            whole,
            lambda k: self.load(f"r + {k * self.lanes}"),
            lambda k, value: self.store(f"to + {k * self.lanes}", value),
        )
        yield "if (to == rest) copy_floats(y, rest, left);"

    def _finish(
        self, whole: Sequence[str], load: Callable[[int], str], store: Callable[[int, str], str]
    ) -> Iterator[str]:
        """Add r, bound and store vectors, by number."""
        yield "if (r) {"
        yield from (f"  {value} = {self.add(value, load(k))};" for k, value in enumerate(whole))
        yield "}"
        yield from self.clamp(whole)
        yield from (f"{store(k, value)};" for k, value in enumerate(whole))

    def _together(self, names: Sequence[str], whole: list[str]) -> Iterator[str]:
        """The inverse of `_apart`; `whole` is filled."""
        count = len(names)
        if count % 2:
            for k in range(count):
                places = range(k * self.lanes, (k + 1) * self.lanes)
                elements = [place % count * self.lanes + place // count for place in places]
                whole.append(f"{names[0]}_{count}{k}")
                yield f"{self.vector} {whole[-1]} = {self._picked(names, elements)};"
            return
        even: list[str] = []
        odd: list[str] = []
        yield from self._together(names[::2], even)
        yield from self._together(names[1::2], odd)
        for a, b in zip(even, odd, strict=True):
            for half in range(2):
                pairs = range(half * self.lanes // 2, (half + 1) * self.lanes // 2)
                lanes = [lane + from_b * self.lanes for lane in pairs for from_b in range(2)]
                whole.append(f"{a}_{len(names)}{half}")
                yield f"{self.vector} {whole[-1]} = {shuffle(a, b, lanes)};"

    def _picked(self, vectors: Sequence[str], elements: Sequence[int]) -> str:
        """Elements, by number, of vectors laid end to end."""
        found = vectors[0]
        for k, vector in enumerate(vectors[1:], 1):
            known = range(self.lanes) if k > 1 else [element % self.lanes for element in elements]
            new = [self.lanes + element % self.lanes for element in elements]
            lanes = [new[p] if element // self.lanes == k else known[p] for p, element in enumerate(elements)]
            found = shuffle(found, vector, lanes)
        return found

    def places(self, address: str) -> Iterator[str]:
        yield f"const uint32_t *places = {address};"

    def add_gathered(self, base: str, first: int, c: str) -> Iterator[str]:
        yield "{"
        yield f"  float lanes[{self.lanes}] = {{0}};"
        yield f"  gather_floats(lanes, {base}, places + {first}, count_within(a->count, {first}, {self.lanes}));"
        yield f"  {c} = {self.add(c, self.load('lanes'))};"
        yield "}"

    def scatter(self, base: str, first: int, value: str) -> Iterator[str]:
        yield "{"
        yield f"  float lanes[{self.lanes}];"
        yield f"  {self.store('lanes', value)};"
        yield f"  scatter_floats({base}, places + {first}, lanes, count_within(a->count, {first}, {self.lanes}));"
        yield "}"

    def every(self, a: str, b: str, stride: int, first: int) -> str:
        return shuffle(a, b, range(first, 2 * self.lanes, stride))

    def follow(self, x: str, scalar: str) -> str:
        return shuffle(x, self.broadcast(scalar), range(1, self.lanes + 1))


def shuffle(a: str, b: str, lanes: Iterable[int]) -> str:
    """Lanes of a, then b, by number; as many as the result has."""
    return f"__builtin_shufflevector({a}, {b}, {', '.join(map(str, lanes))})"
