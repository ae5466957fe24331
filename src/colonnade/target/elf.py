"""The little of ELF that the bare-metal image needs: symbols, code, and a segment replaced. Standard library only.

Source: System V ABI, chapters 4 and 5 (ELF-64, little endian).
"""

from __future__ import annotations

import hashlib
import struct
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_LOAD, _SYMBOL_TABLE, _FUNCTION = 1, 2, 2
_PAGE = 4096


@dataclass(frozen=True)
class Function:
    """A symbol of a function: its code lies at address .. address + size - 1."""

    name: str
    address: int
    size: int


@dataclass(frozen=True)
class Image:
    """An executable file in memory."""

    data: bytes

    @cached_property
    def digest(self) -> str:
        """Of the whole file."""
        return hashlib.sha256(self.data).hexdigest()[:16]

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        """All functions that have a size, by address."""
        found: dict[int, Function] = {}
        for section in self._sections:
            if section[1] != _SYMBOL_TABLE:
                continue
            _, _, _, _, at, size, link, *_ = section
            names = self._sections[link][4]
            for entry in range(at, at + size, _SYMBOL.size):
                name, info, _, _, address, length = _SYMBOL.unpack_from(self.data, entry)
                if info & 15 == _FUNCTION and length:
                    start = names + name
                    text = self.data[start : self.data.index(b"\0", start)].decode()
                    found.setdefault(address, Function(text, address, length))
        return tuple(sorted(found.values(), key=lambda function: function.address))

    @cached_property
    def _starts(self) -> list[int]:
        return [function.address for function in self.functions]

    def function_at(self, address: int) -> Function | None:
        """The function whose code holds `address`."""
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        function = self.functions[index]
        return function if address < function.address + function.size else None

    def code(self, function: Function) -> bytes:
        """Machine code of a function."""
        for kind, _, offset, address, _, file_bytes, _, _ in self._segments:
            if kind == _LOAD and address <= function.address < address + file_bytes:
                start = offset + function.address - address
                return self.data[start : start + function.size]
        raise ValueError(f"no code for {function.name}")

    def with_segment(self, address: int, content: bytes) -> bytes:
        """The file with `content` as the segment at `address`, appended to it. ValueError if it
        has no such segment."""
        header = _HEADER.unpack_from(self.data)
        loaded = [(entry[0], entry[3]) for entry in self._segments]
        index = loaded.index((_LOAD, address))
        kind, flags, _, virtual, physical, *_ = self._segments[index]
        padding = -len(self.data) % _PAGE
        offset = len(self.data) + padding
        entry = _SEGMENT.pack(kind, flags, offset, virtual, physical, len(content), len(content), _PAGE)
        at = header[5] + index * header[9]
        return b"".join([self.data[:at], entry, self.data[at + len(entry) :], bytes(padding), content])

    @cached_property
    def _segments(self) -> list[tuple[int, ...]]:
        header = _HEADER.unpack_from(self.data)
        return [_SEGMENT.unpack_from(self.data, header[5] + i * header[9]) for i in range(header[10])]

    @cached_property
    def _sections(self) -> list[tuple[int, ...]]:
        header = _HEADER.unpack_from(self.data)
        return [_SECTION.unpack_from(self.data, header[6] + i * header[11]) for i in range(header[12])]
