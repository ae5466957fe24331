"""The records of steps, one for each kind, in the order of their opcodes. `csrc/steps/<name>.c` holds the check and the
run of each. Standard library only, as the build hook reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from colonnade.graph.activations import PARAMETERS
from colonnade.modelfile.fields import (
    Field,
    Record,
    arithmetic,
    border,
    choice,
    count,
    counts,
    flag,
    kernel_rows,
    kernel_vectors,
    number,
    pad,
    place,
    real,
    record,
    size,
    stride,
    view,
)

MAX_RANK = 6
MATMUL_RANK = 4  # dimensions of a batch of matrices
REDUCE_RANK = 4  # kept axes, and reduced ones, of a reduce step
REDUCTIONS = ("sum", "prod", "max", "min", "argmax", "argmin")

# A step's activation.
_ACT = (
    choice("act", "ACT", "the activation: an index in `records.ACTIVATIONS`"),
    *(real(name, "parameter of the activation's formula (graph/activations.py)") for name in PARAMETERS),
)

_CHANNELS = (arithmetic("arithmetic"), size("channels", "input channels"), size("batch", "images"))

_INPUT = (
    size("in_h", "lines of an input image"),
    size("in_w", "elements of a line"),
    size("x_pitch", "elements from line to line of x"),
    size("x_plane", "elements from image to image of x"),
)

_PADS = (pad("pad_top", "padding above the image"), pad("pad_left", "padding left of the image"))

_OUTPUT = (
    size("out_h", "lines of an output image"),
    size("out_w", "outputs of a line"),
    size("y_pitch", "elements from line to line of y"),
    size("y_plane", "elements from image to image of y"),
)

_Y_BORDER = border("y_border", "elements of a plane of y before its first output; all but outputs are made zero")

# Images and the planes they lie in, of the convolutions that read them as they are.
_PLANES = (*_CHANNELS, *_INPUT, *_PADS, *_OUTPUT, _Y_BORDER)

_X = "[channels][batch] planes of x_plane elements, with lines every x_pitch"
_Y = "[rows][batch] planes of y_plane elements, with lines every y_pitch; the first output"
_R = "residual, like y; none: -1"
_BIAS = place("bias", "data", "one for each output channel")
_ROWS = size("rows", "output channels")
_T, _V = kernel_rows("tile_rows", "T of the micro-kernel"), kernel_vectors("vectors", "V of the micro-kernel")


def _of_kernels(name: str, limit: str, says: str, note: str) -> Field:
    return number(name, 1, limit, says, note)


_CNM = record(
    "cnm",
    "A convolution by column micro-kernels, dense or pruned.",
    view("x", f"{_X}; the first padded element, or if it is prepared the first element"),
    view("y", _Y, written=True),
    view("r", _R, optional=True),
    view("prepared", "padded and split copy of x; none: x is read as it is", optional=True, written=True),
    place("weights", "data", "[tile][column][rows of the tile]"),
    place("bias", "data", "by position in row order"),
    place(
        "tile_table",
        "ints",
        "4 for each tile: rows, first position in row order, start in `off_table`, start in `block_table`",
    ),
    place("row_table", "ints", "output channel of each position in row order"),
    place("off_table", "ints", "byte offset of each column's row of X"),
    count("off_count", "entries of `off_table`"),
    place("block_table", "ints", "runs of `blocks` + 1 column counts, from 0 to the tile's columns"),
    count("block_count", "entries of `block_table`"),
    place("pack_table", "ints", "element offset in the data of each packed column"),
    place("phase_table", "ints", "(y, x) of each phase of a strided split"),
    place("strip_table", "ints", "the strips, each a `strip`"),
    place("segment_table", "ints", "their segments, each a `segment`, in the order of strips"),
    place("tap_table", "ints", "lane_masked: bytes, for each entry of `off_table` the kernel element it is of"),
    place("lane_mask_table", "ints", "lane_masked: blocks of lane masks, [kernel element][LANE_MASK_BYTES]"),
    _CHANNELS,
    _INPUT,
    _PADS,
    stride("stride_h", "stride down the image"),
    stride("stride_w", "stride along a line"),
    stride("phases", "phases that a prepared x is split into"),
    size("plane_lines", "lines of a plane of the data that columns are read from, prepared or x itself"),
    size("pitch", "elements from line to line of that data"),
    size("plane", "elements from image to image of that data"),
    _OUTPUT,
    _Y_BORDER,
    _ROWS,
    size("columns", "K when no weight is zero, of one convolution group; tiles keep as many or fewer"),
    flag("packed", "strips are gathered to [column][NR] before they are used"),
    number("pack_count", 0, "MAX_SIDE", "size out of range", "entries of `pack_table`"),
    flag(
        "lane_masked",
        "padding is not in memory, but left out of loads: columns are read from x as it is or, with a stride, from "
        "its phases; lanes in the padding lie before x, after it, or in another line",
    ),
    size("kernel_h", "lines of the kernel"),
    size("kernel_w", "columns of the kernel"),
    flag("by_channels", "lanes are output channels, and columns are read with any stride"),
    flag("chained", "each panel is followed by that of the next step, which reads what this one makes"),
    size("strip_count", "strips"),
    size("segment_count", "segments of all strips"),
    number("lane_mask_blocks", 0, "MAX_SIDE", "size out of range", "blocks of lane masks"),
    _T,
    _V,
    size("tiles", "tiles of rows"),
    stride("blocks", "KC blocks"),
    size("panel", "strips per panel"),
    _ACT,
)

_WINOGRAD = record(
    "winograd",
    "A convolution by Winograd's F(m x m, r x r), r being the kernel's side and n = m + r - 1.",
    view("x", f"{_X}; the first element"),
    view("y", _Y, written=True),
    view("r", _R, optional=True),
    place("weights", "data", "per tile of rows [n][n][channels][rows of the tile], transformed"),
    _BIAS,
    _of_kernels("m", "MAX_WINOGRAD", "no such transform", "side of an output patch"),
    _of_kernels("kernel", "MAX_WINOGRAD_TAPS", "no such transform", "r, both sides of the kernel"),
    _PLANES,
    _ROWS,
    _T,
    _V,
    size("panel", "strips per panel"),
    _ACT,
)

_VERTICAL = record(
    "vertical",
    "A convolution by Winograd's F(m, r) down the lines of the image: r = ceil(kernel_h / stride_h), n = m + r - 1. A "
    "weight line is a column of a kernel, or every stride_h-th weight of one, so there are channels * stride_h * "
    "kernel_w.",
    view("x", f"{_X}; the first element"),
    view("y", _Y, written=True),
    view("r", _R, optional=True),
    place("weights", "data", "per tile of rows [n][weight lines][rows of the tile], transformed"),
    _BIAS,
    _of_kernels("m", "MAX_WINOGRAD", "no such transform", "lines of an output patch"),
    _of_kernels("kernel_h", "MAX_WINOGRAD_TAPS * MAX_WINOGRAD_STRIDE", "no such transform", "lines of the kernel"),
    stride("kernel_w", "columns of the kernel"),
    _of_kernels("stride_h", "MAX_WINOGRAD_STRIDE", "no such transform", "stride down the image"),
    _of_kernels("stride_w", "MAX_WINOGRAD_STRIDE", "no such transform", "stride along a line"),
    pad("pad_right", "padding right of the image"),
    _PLANES,
    _ROWS,
    _T,
    _V,
    size("panel", "lines of output patches per panel"),
    _ACT,
)

_DEPTHWISE = record(
    "depthwise",
    "A depthwise convolution, plane by plane, by window kernels.",
    view("x", f"{_X}; the first element, or if `direct` the first padded one"),
    view("y", "[channels][batch] planes of y_plane elements, with lines every y_pitch; the first output", written=True),
    place("weights", "data", "[channels][kernel][kernel]"),
    _BIAS,
    _CHANNELS,
    _of_kernels("kernel", "MAX_WINDOW", "no such micro-kernel", "both sides of the kernel"),
    _of_kernels("stride", "MAX_WINDOW_STRIDE", "no such micro-kernel", "both strides"),
    _INPUT,
    _PADS,
    flag("direct", "x is read as it is, padding included; else lines are padded and split in scratch"),
    _OUTPUT,
    _Y_BORDER,
    _of_kernels("lines", "MAX_WINDOW_LINES", "no such micro-kernel", "R: lines that a window kernel computes at once"),
    _of_kernels("vectors", "MAX_WINDOW_VECTORS", "no such micro-kernel", "V of the window kernel"),
    _ACT,
)

_DENSE = record(
    "dense",
    "A fully connected layer: y[n][o] = act(sum_k x[k][n] * w[o][k] + bias[o]).",
    view("x", "[columns][batch]"),
    view("y", "[batch][outputs]", written=True),
    place("weights", "data", "in strips [outputs / NR][columns][NR]"),
    place("bias", "data", "padded to whole strips"),
    place("off_table", "ints", "byte offset of each column: 4 * k * NR"),
    arithmetic("arithmetic"),
    size("columns", "K"),
    size("batch", "images"),
    size("outputs", "outputs of an image"),
    kernel_vectors("vectors", "V of the micro-kernel"),
    kernel_rows("chunk", "images per micro-kernel call, its T"),
    _ACT,
)

_MATMUL = record(
    "matmul",
    "y[d][i][j] = sum_k a[d . a_strides + i * a_row + k * a_column] * b[d . b_strides + k * b_row + j * b_column], for "
    "every d below dims",
    view("a", "the first element"),
    view("b", "the first element"),
    view("y", "[dims][rows][columns]", written=True),
    counts("dims", MATMUL_RANK, "sizes of the batch of matrices, shared among the threads"),
    counts("a_strides", MATMUL_RANK, "elements from matrix to matrix of a, in each dimension"),
    counts("b_strides", MATMUL_RANK, "the same of b"),
    *(
        count(f"{matrix}_{part}", f"elements from one {part} of {matrix} to the next")
        for matrix in "ab"
        for part in ("row", "column")
    ),
    arithmetic("arithmetic"),
    size("rows", "rows of a"),
    size("inner", "columns of a, rows of b"),
    size("columns", "columns of b, shared among the threads"),
    _T,
    _V,
)

_POOL = record(
    "pool",
    "Windows over planes. Lines and columns of a window outside the input are absent. An average divides by the "
    "elements inside, or with `count_pad` by those inside the input padded to (pad_*, end_*).",
    view("x", "[planes] planes of x_plane elements, with lines every x_pitch; the first element"),
    view("y", "[planes] planes of y_plane elements, with lines every y_pitch; the first output", written=True),
    flag("average", "else the maximum"),
    size("planes", "channels times images"),
    _INPUT,
    _OUTPUT,
    stride("kernel_h", "lines of a window"),
    stride("kernel_w", "columns of a window"),
    stride("stride_h", "stride down the image"),
    stride("stride_w", "stride along a line"),
    stride("dilation_h", "lines from one of a window to the next"),
    stride("dilation_w", "columns from one of a window to the next"),
    _PADS,
    size("end_h", "in_h and the padding below"),
    size("end_w", "in_w and the padding on the right"),
    flag("count_pad", "padding counts in an average"),
    _ACT,
)

_GLOBAL_POOL = record(
    "global_pool",
    "One value per plane.",
    view("x", "[planes] planes of x_plane elements, with lines every x_pitch; the first element"),
    view("y", "[planes]", written=True),
    flag("average", "else the maximum"),
    size("planes", "channels times images"),
    size("height", "lines of a plane"),
    size("width", "elements of a line"),
    size("x_pitch", "elements from line to line of x"),
    size("x_plane", "elements from plane to plane of x"),
)

_AFFINE = record(
    "affine",
    "y[c][i] = act(x[c][i] * scale[c] + shift[c])",
    view("x", "[channels][inner]"),
    view("y", "[channels][inner]", written=True),
    place("scale", "data", "one for each channel"),
    place("shift", "data", "one for each channel"),
    size("channels", "channels"),
    size("inner", "elements of a channel"),
    _ACT,
)

_MAP = record(
    "map",
    "y[i . y_strides] = formula(a[i . a_strides], b[i . b_strides], ...) for every index i below dims.",
    view("a", "the first element of the first input"),
    view("b", "that of the second", optional=True),
    view("c", "that of the third", optional=True),
    view("d", "that of the fourth", optional=True),
    view("y", "the first element written", written=True),
    counts("dims", MAX_RANK, "sizes; all but the last shared among the threads"),
    *(
        counts(f"{name}_strides", MAX_RANK, f"elements from one to the next of each dimension, in {name}")
        for name in "abcdy"
    ),
    place("constants", "data", "one number for each register after those of the inputs"),
    place("code", "ints", "the instructions (graph/map_code.py)"),
    number("inputs", 1, "MAP_INPUTS", "too many inputs", "how many of the views a, b, c and d there are"),
    number("constant_count", 0, "MAP_REGISTERS", "too many registers", "constants"),
    number("registers", 1, "MAP_REGISTERS", "too many registers", "inputs, constants and what instructions write"),
    number("instructions", 1, "MAP_INSTRUCTIONS", "too many instructions", "of the code"),
)

_COPY = record(
    "copy",
    "y[i . y_strides] = x[i . x_strides] for every index i below dims",
    view("x", "the first element read"),
    view("y", "the first element written", written=True),
    counts("dims", MAX_RANK, "sizes, the first shared among the threads"),
    counts("x_strides", MAX_RANK, "elements from one to the next of each dimension, in x"),
    counts("y_strides", MAX_RANK, "the same in y"),
)

_GATHER = record(
    "gather",
    "y[o][j][i] = x[o][indices[j]][i], or `fill` where the index is -1",
    view("x", "[outer][x_count][inner]"),
    view("y", "[outer][y_count][inner]", written=True),
    place("indices", "ints", "y_count of them, each below x_count, or -1"),
    count("outer", "before the axis", 1),
    size("x_count", "elements of the axis in x"),
    size("y_count", "elements of the axis in y"),
    count("inner", "after the axis", 1),
    real("fill", "what is written where there is no index"),
)

_RESAMPLE = record(
    "resample",
    "y[o][j][i] = sum_k weights[j][k] * x[o][indices[j][k]][i]",
    view("x", "[outer][x_count][inner]"),
    view("y", "[outer][y_count][inner]", written=True),
    place("indices", "ints", "[y_count][taps], each below x_count"),
    place("weights", "data", "[y_count][taps]"),
    count("outer", "before the axis", 1),
    size("x_count", "elements of the axis in x"),
    size("y_count", "elements of the axis in y"),
    stride("taps", "elements that one is the sum of"),
    count("inner", "after the axis", 1),
)

_REDUCE = record(
    "reduce",
    "y[k] = scale * the sum, or another reduction, of x[k . kept_strides + r . reduced_strides] over every r below "
    "`reduced`, for every k below `kept`, in their order",
    view("x", "the first element"),
    view("y", "[kept]", written=True),
    choice("kind", "REDUCE", "the reduction: an index in `steps.REDUCTIONS`"),
    flag("last", "of equal extremes the last one's place counts, not the first one's"),
    real("scale", "what sums and the like are multiplied by"),
    counts("kept", REDUCE_RANK, "sizes of the axes that stay; all are shared among the threads"),
    counts("kept_strides", REDUCE_RANK, "elements from one to the next of each"),
    counts("reduced", REDUCE_RANK, "sizes of the axes that go"),
    counts("reduced_strides", REDUCE_RANK, "elements from one to the next of each"),
)

_FILL = record(
    "fill",
    "y[i] = value",
    view("y", "[count]", written=True),
    count("count", "data"),
    real("value", "what is written"),
)

_SOFTMAX = record(
    "softmax",
    "Along the middle of [outer][count][inner].",
    view("x", "[outer][count][inner]"),
    view("y", "[outer][count][inner]", written=True),
    size("outer", "with `inner` shared among the threads"),
    size("count", "numbers that become 1 together"),
    size("inner", "elements from one of them to the next"),
)

_LRN = record(
    "lrn",
    "Local response normalisation across channels of [channels][inner].",
    view("x", "[channels][inner]"),
    view("y", "[channels][inner]", written=True),
    size("channels", "channels"),
    size("inner", "elements of a channel"),
    size("size", "channels of a neighbourhood"),
    real("alpha", "factor of the mean square"),
    real("beta", "exponent"),
    real("bias", "what is added to it first"),
)

STEPS: tuple[Record, ...] = (
    _CNM,
    _WINOGRAD,
    _VERTICAL,
    _DEPTHWISE,
    _DENSE,
    _MATMUL,
    _POOL,
    _GLOBAL_POOL,
    _AFFINE,
    _MAP,
    _COPY,
    _GATHER,
    _RESAMPLE,
    _REDUCE,
    _FILL,
    _SOFTMAX,
    _LRN,
)


Fields = Mapping[str, int]  # whole numbers of a step's record, by name


@dataclass(frozen=True)
class Work:
    """What one run of a step does. moved: numbers that it reads and writes, each value once; macs: multiply-adds, with
    Winograd's algorithm those between its transforms; dense_macs: those of the operator as it is defined, no column
    left out; weights: constants that it reads."""

    moved: int
    macs: int = 0
    dense_macs: int = 0
    weights: int = 0


def _fully_connected(f: Fields) -> Work:
    macs = f["batch"] * f["outputs"] * f["columns"]
    return Work(f["batch"] * (f["columns"] + f["outputs"]), macs, macs, f["outputs"] * (f["columns"] + 1))


def _product(f: Fields) -> Work:
    """Of one matrix of the batch (plan/work.py)."""
    macs = f["rows"] * f["inner"] * f["columns"]
    return Work(f["inner"] * (f["rows"] + f["columns"]) + f["rows"] * f["columns"], macs, macs)


# The work of every kind of step but copies, maps and convolutions (plan/work.py, plan/ways).
WORK: Mapping[str, Callable[[Fields], Work]] = {
    "dense": _fully_connected,
    "matmul": _product,
    "pool": lambda f: Work(f["planes"] * (f["in_h"] * f["in_w"] + f["out_h"] * f["out_w"])),
    "global_pool": lambda f: Work(f["planes"] * (f["height"] * f["width"] + 1)),
    "affine": lambda f: Work(2 * f["channels"] * f["inner"], weights=2 * f["channels"]),
    "gather": lambda f: Work(2 * f["outer"] * f["y_count"] * f["inner"]),
    "resample": lambda f: Work(f["outer"] * f["inner"] * (f["x_count"] + f["y_count"])),
    "fill": lambda f: Work(f["count"]),
    "softmax": lambda f: Work(2 * f["outer"] * f["count"] * f["inner"]),
    "lrn": lambda f: Work(2 * f["channels"] * f["inner"]),
}
