"""The model file's records, described once: the C header is generated from them, the writer packs by them.

A model file is a header, then sections; every section is an array of one fixed-size record or of plain numbers, and
starts at a multiple of 64 bytes. All numbers are little-endian. Offsets into INTS and FLOATS count elements; views
count floats inside a buffer. Nothing in a file is trusted: `csrc/validate.c` checks every field before the first run.
Standard library only (read by the build hook). docs/model-file.md explains the fields.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from colonnade.graph.activations import PARAMETERS, ROWS

MAGIC = b"COLONNAD"
VERSION = 9
ALIGNMENT = 64
MAX_RANK = 6
TARGET_BYTES = 32  # of a name, with the zero at its end

_SIZES = {"i32": ("int32_t", "i"), "i64": ("int64_t", "q"), "f32": ("float", "f"), "u64": ("uint64_t", "Q")}


@dataclass(frozen=True)
class Field:
    name: str
    type: str  # i32, i64, u64, f32, or "char"
    count: int = 1


@dataclass(frozen=True)
class Record:
    """A C struct without padding: 8-byte fields come first."""

    name: str
    fields: tuple[Field, ...]

    @property
    def packing(self) -> struct.Struct:
        codes = (
            f"{f.count}s" if f.type == "char" else f"{f.count}{_SIZES[f.type][1]}" if f.count > 1 else _SIZES[f.type][1]
            for f in self.fields
        )
        return struct.Struct("<" + "".join(codes))

    @property
    def size(self) -> int:
        return self.packing.size

    def pack(self, /, **values: object) -> bytes:
        """Bytes of one record. Every field must be given; extra names are an error."""
        if values.keys() != {f.name for f in self.fields}:
            raise TypeError(f"{self.name}: wrong fields {sorted(values.keys() ^ {f.name for f in self.fields})}")
        flat: list[object] = []
        for f in self.fields:
            value = values[f.name]
            if f.count > 1 and f.type != "char":
                flat.extend(value)  # type: ignore[arg-type]
            else:
                flat.append(value)
        return self.packing.pack(*flat)

    def unpack(self, data: bytes) -> dict[str, object]:
        """The fields of one record; the inverse of `pack`."""
        flat = list(self.packing.unpack(data))
        values: dict[str, object] = {}
        for f in self.fields:
            if f.count > 1 and f.type != "char":
                values[f.name], flat = tuple(flat[: f.count]), flat[f.count :]
            else:
                values[f.name] = flat.pop(0)
        return values


def _record(name: str, /, **fields: str) -> Record:
    """Fields from `name="type"` or `name="type*count"`, the wide ones moved to the front."""
    parsed = []
    for field_name, text in fields.items():
        kind, _, count = text.partition("*")
        parsed.append(Field(field_name, kind, int(count or 1)))
    parsed.sort(key=lambda f: f.type not in ("i64", "u64"))
    narrow = sum(f.count * (1 if f.type == "char" else 4) for f in parsed if f.type not in ("i64", "u64"))
    if narrow % 8:
        parsed.append(Field("reserved", "i32"))
    return Record(name, tuple(parsed))


# Buffers: where a value's floats live. kind: 0 arena (offset in the arena), 1 input, 2 output (offset = its index),
# 3 constant (offset in FLOATS). advance: how far it moves with each repeat of the steps that are repeated.
BUFFER_KINDS = ("arena", "input", "output", "constant")

# A step's activation and the parameters of its formula (graph/activations.py).
ACTIVATIONS = tuple(row.name for row in ROWS)

_ACT = {"act": "i32", **dict.fromkeys(PARAMETERS, "f32")}


def _view(name: str) -> dict[str, str]:
    """A view names a buffer and the float inside it at which the data starts."""
    return {f"{name}_at": "i64", f"{name}_buffer": "i32"}


# Images and the planes they lie in, of the convolutions that read them as they are.
_PLANES = {
    "channels": "i32",
    "batch": "i32",
    "in_h": "i32",
    "in_w": "i32",
    "x_pitch": "i32",
    "x_plane": "i32",
    "pad_top": "i32",
    "pad_left": "i32",
    "out_h": "i32",
    "out_w": "i32",
    "y_pitch": "i32",
    "y_plane": "i32",
    "y_border": "i32",  # floats of a plane of y before its first output; all but outputs are made zero
}


# One record per kind of step, in the order of their opcodes.
STEPS: tuple[Record, ...] = (
    # A convolution by column micro-kernels, dense or pruned (csrc/cnm.c).
    _record(
        "cnm",
        **_view("x"),  # [channels][batch], planes of x_plane floats with rows every x_pitch; the first padded element,
        # or with `prepare` or `local` the first element
        **_view("y"),  # [rows][batch], planes of y_plane floats with rows every y_pitch; the first output
        **_view("r"),  # residual, like y; buffer -1: none
        **_view("prepared"),  # padded, split copy of x; buffer -1: x is read as it is, or per group in scratch
        **_view("strips"),  # shared packed strips; buffer -1: none, or packed per thread
        weights="i64",  # in FLOATS: tile after tile, column after column, one value per row of the tile
        bias="i64",  # in FLOATS: by position in row order
        tile_table="i64",  # in INTS: per tile (rows, first position in row order, off start, block start)
        row_table="i64",  # in INTS: output channel of each position in row order
        off_table="i64",  # in INTS: byte offset of each column's row of X
        off_count="i64",
        block_table="i64",  # in INTS: runs of blocks + 1 column counts, from 0 to the tile's columns
        block_count="i64",
        pack_table="i64",  # in INTS: float offset in the prepared data of each packed column
        phase_table="i64",  # in INTS: (y, x) of each phase of a strided split
        channels="i32",
        batch="i32",
        in_h="i32",
        in_w="i32",
        x_pitch="i32",
        x_plane="i32",
        pad_top="i32",
        pad_left="i32",
        stride_h="i32",
        stride_w="i32",
        phases="i32",
        plane_rows="i32",  # of the data that columns are read from, prepared or x itself: rows of one plane,
        pitch="i32",  # floats from row to row,
        plane="i32",  # and floats from image to image
        out_h="i32",
        out_w="i32",
        y_pitch="i32",
        y_plane="i32",
        y_border="i32",  # floats of a plane of y before its first output; all but outputs are made zero
        rows="i32",  # output channels
        columns="i32",  # K of one group when no weight is zero; tiles keep as many or fewer
        groups="i32",  # > 1 with `local`: groups are prepared one at a time in scratch
        local="i32",
        prepare="i32",
        packed="i32",
        pack_count="i32",
        masked="i32",  # padding is not in memory, but left out of loads: columns are read from x as it is or, with a
        # stride, from its phases, and their offsets count from ceil(pad_top / stride_h) rows and
        # ceil(pad_left / stride_w) floats before those
        kernel_h="i32",
        kernel_w="i32",
        rowwise="i32",  # strips stay within one output row
        strip_h="i32",  # 0, or the kernels are turned ones, of so many lines
        chained="i32",  # 1: each panel is followed by that of the next step, which reads what this one makes
        strip_w="i32",  # of so many positions; x is read as it is with any stride, or prepared
        tile_rows="i32",  # T
        vectors="i32",  # V
        tiles="i32",
        blocks="i32",  # KC blocks
        panel="i32",  # strips per panel
        tail="i32",  # the most positions past whole vectors that are computed as a tail
        **_ACT,
    ),
    # A convolution by Winograd's F(m x m, r x r) (csrc/winograd.c): r = ceil(kernel / stride), n = m + r - 1. An input
    # channel counts as stride * stride phases: its rows and columns modulo stride.
    _record(
        "winograd",
        **_view("x"),  # [channels][batch], planes of x_plane floats with rows every x_pitch; the first element
        **_view("y"),  # [rows][batch], planes of y_plane floats with rows every y_pitch; the first output
        **_view("r"),  # residual, like y; buffer -1: none
        weights="i64",  # in FLOATS: per tile of rows [n][n][phases * channels][rows of the tile]
        bias="i64",
        off_table="i64",  # in INTS: per phase of a channel the byte offset 4 * c * panel * NR
        m="i32",  # side of an output tile
        kernel="i32",  # of both sides
        stride="i32",
        **_PLANES,
        rows="i32",  # output channels
        tile_rows="i32",  # T
        vectors="i32",  # V
        panel="i32",  # strips per panel
        **_ACT,
    ),
    # A convolution by Winograd's F(m, r) down the rows of the image (csrc/vertical.c): r = ceil(kernel_h / stride_h),
    # n = m + r - 1. A line is a column of a kernel, or every stride_h-th weight of one: line (c, phase, column) of
    # channels * stride_h * kernel_w.
    _record(
        "vertical",
        **_view("x"),  # [channels][batch], planes of x_plane floats with rows every x_pitch; the first element
        **_view("y"),  # [rows][batch], planes of y_plane floats with rows every y_pitch; the first output
        **_view("r"),  # residual, like y; buffer -1: none
        weights="i64",  # in FLOATS: per tile of rows [n][lines][rows of the tile]
        bias="i64",
        off_table="i64",  # in INTS: byte offset of each line's data among the transforms (vertical.h)
        m="i32",  # rows of an output tile
        kernel_h="i32",
        kernel_w="i32",
        stride_h="i32",
        stride_w="i32",
        pad_right="i32",
        **_PLANES,
        rows="i32",  # output channels
        tile_rows="i32",  # T
        vectors="i32",  # V
        panel="i32",  # rows of output tiles per panel
        **_ACT,
    ),
    # A depthwise convolution: plane by plane, by window kernels (csrc/depthwise.c).
    _record(
        "depthwise",
        **_view("x"),  # planes of x_plane floats with rows every x_pitch; the first element, or if `direct` the first
        # padded one
        **_view("y"),  # planes of y_plane floats with rows every y_pitch; the first output
        weights="i64",  # in FLOATS: [channels][kernel][kernel]
        bias="i64",
        channels="i32",
        batch="i32",
        kernel="i32",  # K, of both sides
        stride="i32",
        in_h="i32",
        in_w="i32",
        x_pitch="i32",
        x_plane="i32",
        pad_top="i32",
        pad_left="i32",
        direct="i32",  # x is read as it is, padding included; else rows are padded and split in scratch
        out_h="i32",
        out_w="i32",
        y_pitch="i32",
        y_plane="i32",
        y_border="i32",  # floats of a plane of y before its first output; all but outputs are made zero
        tile_rows="i32",  # R
        vectors="i32",  # V
        **_ACT,
    ),
    # y[n][o] = act(sum_k x[k][n] * w[o][k] + bias[o]); weights in strips [O / NR][K][NR].
    _record(
        "dense",
        **_view("x"),
        **_view("y"),
        weights="i64",
        bias="i64",  # padded to whole strips
        off_table="i64",  # K byte offsets: 4 * k * NR
        columns="i32",
        batch="i32",
        outputs="i32",
        vectors="i32",
        chunk="i32",  # batch rows per micro-kernel call
        **_ACT,
    ),
    # Windows over planes of x_plane floats with rows every x_pitch. Window rows and columns outside the input are
    # absent; an average divides by the elements inside, or with count_pad by those inside the input padded to
    # (pad_*, end_*).
    _record(
        "pool",
        **_view("x"),
        **_view("y"),
        average="i32",
        planes="i32",
        in_h="i32",
        in_w="i32",
        x_pitch="i32",
        x_plane="i32",
        out_h="i32",
        out_w="i32",
        y_pitch="i32",
        y_plane="i32",
        kernel_h="i32",
        kernel_w="i32",
        stride_h="i32",
        stride_w="i32",
        dilation_h="i32",
        dilation_w="i32",
        pad_top="i32",
        pad_left="i32",
        end_h="i32",  # in_h + bottom pad, in_w + right pad
        end_w="i32",
        count_pad="i32",
        **_ACT,
    ),
    # One value per plane: of x_plane floats, with `height` rows of `width` every x_pitch.
    _record(
        "global_pool",
        **_view("x"),
        **_view("y"),
        average="i32",
        planes="i32",
        height="i32",
        width="i32",
        x_pitch="i32",
        x_plane="i32",
    ),
    # y[c][i] = act(x[c][i] * scale[c] + shift[c])
    _record("affine", **_view("x"), **_view("y"), scale="i64", shift="i64", channels="i32", inner="i32", **_ACT),
    # y[i] = act(x[i])
    _record("unary", **_view("x"), **_view("y"), count="i64", **_ACT),
    # y[o][i] = act(a[o][i] op b[o][i]), or with `broadcast` b[o]
    _record(
        "binary",
        **_view("a"),
        **_view("b"),
        **_view("y"),
        multiply="i32",
        broadcast="i32",
        outer="i32",
        inner="i32",
        **_ACT,
    ),
    # y[i . y_strides] = x[i . x_strides] for every index i below dims
    _record("copy", **_view("x"), **_view("y"), dims="i64*6", x_strides="i64*6", y_strides="i64*6"),
    _record("fill", **_view("y"), count="i64", value="f32"),
    # Along the middle of [outer][count][inner]
    _record("softmax", **_view("x"), **_view("y"), outer="i32", count="i32", inner="i32"),
    # Across channels of [channels][inner]
    _record(
        "lrn",
        **_view("x"),
        **_view("y"),
        channels="i32",
        inner="i32",
        size="i32",
        alpha="f32",
        beta="f32",
        bias="f32",
    ),
)


@dataclass(frozen=True)
class Work:
    """What one run of a step does, counted from the fields of its record: numbers it reads and writes, each value once;
    multiply-adds; constants it reads."""

    moved: Callable[[Mapping[str, int]], int]
    macs: Callable[[Mapping[str, int]], int] = lambda f: 0
    weights: Callable[[Mapping[str, int]], int] = lambda f: 0


# Of every kind of step but convolutions and copies, which modelfile/layers.py counts.
WORK: Mapping[str, Work] = {
    "dense": Work(
        lambda f: f["batch"] * (f["columns"] + f["outputs"]),
        macs=lambda f: f["batch"] * f["outputs"] * f["columns"],
        weights=lambda f: f["outputs"] * (f["columns"] + 1),
    ),
    "pool": Work(lambda f: f["planes"] * (f["in_h"] * f["in_w"] + f["out_h"] * f["out_w"])),
    "global_pool": Work(lambda f: f["planes"] * (f["height"] * f["width"] + 1)),
    "affine": Work(lambda f: 2 * f["channels"] * f["inner"], weights=lambda f: 2 * f["channels"]),
    "unary": Work(lambda f: 2 * f["count"]),
    "binary": Work(lambda f: f["outer"] * (2 * f["inner"] + (1 if f["broadcast"] else f["inner"]))),
    "fill": Work(lambda f: f["count"]),
    "softmax": Work(lambda f: 2 * f["outer"] * f["count"] * f["inner"]),
    "lrn": Work(lambda f: 2 * f["channels"] * f["inner"]),
}

OPCODES = {record.name: code for code, record in enumerate(STEPS)}

BUFFER = _record("buffer", offset="i64", floats="i64", advance="i64", kind="i32")
VALUE = _record("value", dims=f"i64*{MAX_RANK}", name="i32", rank="i32", output="i32", index="i32", buffer="i32")
ORDER = _record("order", op="i32", index="i32", name="i32")

# Sections in file order. Strings are zero-terminated; names are offsets into them.
SECTIONS: tuple[str, ...] = (
    "buffers",
    "values",
    "order",
    *(record.name for record in STEPS),
    "strings",
    "ints",
    "floats",
)

HEADER = Record(
    "header",
    (
        Field("magic", "char", 8),
        Field("checksum", "u64"),  # XXH64 with seed 0 of every byte after this field
        Field("file_bytes", "u64"),
        Field("arena_floats", "i64"),
        Field("section_at", "u64", len(SECTIONS)),  # byte offset
        Field("section_count", "u64", len(SECTIONS)),  # records, bytes (strings) or numbers
        Field("version", "i32"),
        Field("target_lanes", "i32"),
        Field("repeats", "i32"),  # how often the first `repeat_steps` run: once for each image of a batch, or once
        Field("repeat_steps", "i32"),
        Field("target", "char", TARGET_BYTES),  # instruction set
        Field("planned_for", "char", TARGET_BYTES),  # row of target/targets.py; tells those who ship the model
    ),
)


def element_bytes(section: str) -> int:
    """Size of one element of a section: a record, a character or a number."""
    plain = {"buffers": BUFFER.size, "values": VALUE.size, "order": ORDER.size, "strings": 1, "ints": 4, "floats": 4}
    return plain.get(section) or STEPS[OPCODES[section]].size


def c_header() -> str:
    """`format.h`: the records as C structs, opcodes, section numbers and limits."""
    lines = ["/* Generated from modelfile/records.py. */", "#pragma once", "#include <stdint.h>", ""]
    lines += [f"#define CLN_FORMAT_VERSION {VERSION}", f"#define CLN_ALIGNMENT {ALIGNMENT}"]
    lines += [f"#define CLN_MAX_RANK {MAX_RANK}", f'#define CLN_MAGIC "{MAGIC.decode()}"', ""]
    lines += _enum("CLN_OP", [record.name for record in STEPS])
    lines += _enum("CLN_SECTION", list(SECTIONS))
    lines += _enum("CLN_BUFFER", list(BUFFER_KINDS))
    lines += _enum("CLN_ACT", list(ACTIVATIONS))
    for record in (HEADER, BUFFER, VALUE, ORDER, *STEPS):
        lines += _struct(record)
    names = ", ".join(f'"{record.name}"' for record in STEPS)
    sizes = ", ".join(str(element_bytes(section)) for section in SECTIONS)
    lines += [f"#define CLN_OP_NAMES {{{names}}}", f"#define CLN_SECTION_ELEMENT_BYTES {{{sizes}}}"]
    return "\n".join(lines) + "\n"


def _enum(prefix: str, names: list[str]) -> list[str]:
    members = ", ".join(f"{prefix}_{name.upper()}" for name in [*names, "count"])
    return [f"enum {{ {members} }};", ""]


def _struct(record: Record) -> list[str]:
    lines = ["typedef struct {"]
    for f in record.fields:
        kind = "char" if f.type == "char" else _SIZES[f.type][0]
        lines.append(f"  {kind} {f.name}{f'[{f.count}]' if f.count > 1 else ''};")
    name = f"cln_{record.name}"
    return [*lines, f"}} {name};", f'_Static_assert(sizeof({name}) == {record.size}, "{name}");', ""]
