"""The model file's records, described once: the C header is generated from them, the writer packs by them.

A model file is a header, then sections; every section is an array of one fixed-size record or of plain numbers, and
starts at a multiple of 64 bytes. All numbers are little-endian. Offsets into INTS count its elements, all other places
count bytes; distances inside a value (a pitch, a plane, a stride) count its elements. Nothing in a file is trusted:
before the first run every field is checked, for its range by code that is generated from here (`c_format.py`), for what
it has to do with others in `csrc/steps/` and `csrc/validate.c`. Standard library only (read by the build hook).
docs/model-file.md explains the fields.
"""

from __future__ import annotations

from colonnade.graph.activations import ROWS
from colonnade.modelfile.fields import (
    Field,
    Free,
    Index,
    Record,
    Text,
    choice,
    count,
    counts,
    flag,
    number,
    record,
    size,
    string,
)
from colonnade.modelfile.steps import MAX_RANK, STEPS

__all__ = ["MAX_RANK", "STEPS", "Field", "Record"]

MAGIC = b"COLONNAD"
STAGED_MAGIC = b"COLSTAGE"  # of files that only Python can run (modelfile/staged.py)
VERSION = 14
ALIGNMENT = 64
TARGET_BYTES = 32  # of a name, with the zero at its end

# Buffers: where the elements of a value live.
BUFFER_KINDS = ("arena", "input", "output", "constant")

# A step's activation and the parameters of its formula (graph/activations.py).
ACTIVATIONS = tuple(row.name for row in ROWS)

OPCODES = {step.name: code for code, step in enumerate(STEPS)}

# The records of a program are the next ones of the sections `buffers`, `values` and `order`, after those of the
# programs before it. All programs share the other sections.
PROGRAM = record(
    "program",
    "The steps for one shape of the inputs.",
    count("arena_bytes", "memory for activations, slack included"),
    number("buffers", 0, "MAX_SIDE", "size out of range", "its buffers"),
    number("values", 0, "MAX_SIDE", "size out of range", "its inputs and outputs"),
    number("steps", 0, "MAX_SIDE", "size out of range", "its entries of the running order"),
    number(
        "images",
        0,
        "MAX_SIDE",
        "size out of range",
        "images of a run: the first axis of every value, and none of them depends on another; 0: not known to be so",
    ),
    number(
        "repeats",
        1,
        "MAX_REPEATS",
        "repeats out of range",
        "how often the first `repeat_steps` run: once for each image of a batch, or once",
    ),
    number("repeat_steps", 0, "MAX_SIDE", "repeats out of range", "steps that are repeated"),
)

BUFFER = record(
    "buffer",
    "Where the elements of a value live, that views point into.",
    count("offset", "first byte, in the arena or in DATA; of an input or output its index"),
    count("bytes", "size; arena and constants go on for SLACK bytes that mean nothing"),
    count("advance", "bytes by which it moves with each repeat of the steps that are repeated"),
    choice("kind", "BUFFER", "0 arena, 1 input, 2 output, 3 constant"),
    choice("element", "ELEMENT", "the type of its elements: a row of elements.py"),
)

VALUE = record(
    "value",
    "An input or output of the network.",
    counts("dims", MAX_RANK, "ONNX shape, then zeros"),
    string("name", "its name"),
    number("rank", 0, "MAX_RANK", "too many dimensions", "dimensions"),
    flag("output", "else an input"),
    number("index", 0, "MAX_SIDE", "index out of range", "among the inputs, or among the outputs: 0, 1, ..."),
    Field("buffer", "i32", 1, Index("buffers"), "the buffer that the caller's data are bound to"),
    choice("element", "ELEMENT", "the type of its elements: a row of elements.py"),
)

ORDER = record(
    "order",
    "One step of the running order.",
    choice("op", "OP", "opcode: which section holds its record"),
    number("index", 0, "MAX_SIDE", "index out of range", "its number in that section"),
    string("name", "the node that it came from"),
)

_POSITION = ("-MAX_SIDE", "INT32_MAX", "position out of range")

# Positions that one call of a micro-kernel computes: at most NR, and a tail. With position lanes, what lies between its
# segments is computed too and thrown away. With channel lanes, only the segments are computed.
STRIP = record(
    "strip",
    "One strip of a convolution by columns, in INTS.",
    number(
        "x",
        *_POSITION,
        "element that lane 0 reads, from a column's first one; negative with lane masks, or if packed: unused then",
    ),
    number("y", *_POSITION, "element that lane 0 writes, from the first output"),
    number("vectors", 0, "MAX_VECTORS", "no such micro-kernel", "V of its micro-kernel; 0: lanes are output channels"),
    size("span", "lanes up to its last output"),
    number("tail", 0, "MAX_TAIL", "no such micro-kernel", "the last lanes, which are computed as a tail"),
    number("first", 0, "MAX_SIDE", "size out of range", "number of its first segment"),
    size("segments", "segments"),
    number("lead", 0, "MAX_SIDE", "size out of range", "lanes before its first output: borders of y"),
    flag("full", "outputs lie as its lanes do; whatever else whole vectors write are borders, made zero afterwards"),
    flag("borders", "some of y's borders are its own to make zero"),
    number("lane_mask", 0, "MAX_SIDE", "size out of range", "lane_masked: its block of lane masks"),
)

SEGMENT = record(
    "segment",
    "A run of outputs inside a strip, in INTS.",
    number("x", 0, "INT32_MAX", "position out of range", "what its first output reads, from a column's first element"),
    number("y", 0, "INT32_MAX", "position out of range", "its first output"),
    number("lane", 0, "MAX_SIDE", "size out of range", "its first lane"),
    size("len", "outputs"),
    number("gap", 0, "INT32_MAX", "size out of range", "elements of y's borders after it"),
)

# Sections in file order. Strings are zero-terminated; names are offsets into them.
SECTIONS: tuple[str, ...] = (
    "programs",
    "buffers",
    "values",
    "order",
    *(step.name for step in STEPS),
    "strings",
    "ints",
    "data",
)

_CHECKED_FIRST = Free("compared when the file is opened")

HEADER = Record(
    "header",
    (
        Field("magic", "char", 8, _CHECKED_FIRST, MAGIC.decode()),
        Field("checksum", "u64", 1, _CHECKED_FIRST, "XXH64 with seed 0 of every byte after this field"),
        Field("file_bytes", "u64", 1, _CHECKED_FIRST, "length of the file"),
        Field("section_at", "u64", len(SECTIONS), _CHECKED_FIRST, "byte offset of each section"),
        Field("section_count", "u64", len(SECTIONS), _CHECKED_FIRST, "its records, characters or numbers"),
        Field("version", "i32", 1, _CHECKED_FIRST, "VERSION"),
        number(
            "vector_bytes",
            1,
            "MAX_VECTOR_BYTES",
            "vectors out of range",
            "bytes of a vector that data are laid out for",
        ),
        Field("target", "char", TARGET_BYTES, Text(), "instruction set"),
        Field("planned_for", "char", TARGET_BYTES, Text(), "row of target/targets.py, for those who ship the model"),
    ),
    "The first bytes of a file.",
)

# Records that are the elements of sections.
SECTION_RECORDS: dict[str, Record] = {
    "programs": PROGRAM,
    "buffers": BUFFER,
    "values": VALUE,
    "order": ORDER,
    **{step.name: step for step in STEPS},
}

RECORDS: tuple[Record, ...] = (HEADER, PROGRAM, BUFFER, VALUE, ORDER, STRIP, SEGMENT, *STEPS)


def element_bytes(section: str) -> int:
    """Size of one element of a section: a record, a character or a number."""
    plain = {"strings": 1, "ints": 4, "data": 1}
    return plain.get(section) or SECTION_RECORDS[section].size
