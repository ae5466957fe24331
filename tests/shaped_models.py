"""Small ONNX networks with open batch, height and width, that keep the images of a batch apart or do not."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper, parser

_RNG = np.random.default_rng(0)
_WEIGHTS: dict[str, tuple[int, ...]] = {
    "w": (8, 3, 3, 3),
    "b": (8,),
    "v": (8, 8, 3, 3),
    "m": (5, 8),
    "c": (5,),
    "token": (1, 1, 8),
    "three": (8, 24),
}
_ARRAYS = {name: _RNG.standard_normal(shape).astype(np.float32) / 4 for name, shape in _WEIGHTS.items()}
_HEAD = "float[n,3,h,w] x"
_BODY = (
    "a = Conv<pads = [1, 1, 1, 1]>(x, w, b)\n d = Relu(a)\n e = Conv<pads = [1, 1, 1, 1]>(d, v, b)\n f = Add(d, e)\n"
)
_POOLED = "g = GlobalAveragePool(f)\n h = Flatten(g)\n"

CLASSIFIER = ("float[n,5] y", _BODY + _POOLED + "y = Gemm<transB = 1>(h, m, c)")
# Several outputs, so that nothing runs image by image; pieces of the batch are moved, and multiplied by each other.
DETECTOR = (
    "float[n,k,8] y, float[n,8,h,w] f",
    _BODY
    + """s = Shape(x)
    n0 = Gather<axis = 0>(s, zero)
    n1 = Unsqueeze(n0, axis0)
    to = Concat<axis = 0>(n1, rest)
    p = Reshape(f, to)
    q = Transpose<perm = [0, 2, 1]>(p)
    kt = MatMul(p, q)
    soft = Softmax<axis = -1>(kt)
    o = MatMul(soft, p)
    ot = Transpose<perm = [0, 2, 1]>(o)
    shape1 = Concat<axis = 0>(n1, one, eight)
    first = Expand(token, shape1)
    y = Concat<axis = 1>(first, ot)""",
)
# Queries, keys and values in one product, taken apart along an axis before that of the images.
ATTENTION = (
    "float[n,k,8] y",
    _BODY
    + """s = Shape(x)
    n0 = Gather<axis = 0>(s, zero)
    n1 = Unsqueeze(n0, axis0)
    to = Concat<axis = 0>(n1, rest)
    p = Reshape(f, to)
    pt = Transpose<perm = [0, 2, 1]>(p)
    all = MatMul(pt, three)
    to4 = Concat<axis = 0>(n1, parts)
    a4 = Reshape(all, to4)
    apart = Transpose<perm = [2, 0, 1, 3]>(a4)
    q = Gather<axis = 0>(apart, zero)
    k = Gather<axis = 0>(apart, step)
    vals = Gather<axis = 0>(apart, two)
    kt = Transpose<perm = [0, 2, 1]>(k)
    qk = MatMul(q, kt)
    soft = Softmax<axis = -1>(qk)
    y = MatMul(soft, vals)""",
)
# Each of these makes an image depend on the others, on their number, or on its place among them.
MIXING = {
    "a mean of all images": ("float[n,8,h,w] y", _BODY + "mean = ReduceMean<axes = [0]>(f)\n y = Sub(f, mean)"),
    "images as matrix rows": (
        "float[n,5] y",
        _BODY + _POOLED + "t = Transpose<perm = [1, 0]>(h)\n k = MatMul(h, t)\n u = MatMul(k, h)\n"
        "y = Gemm<transB = 1>(u, m, c)",
    ),
    "channels of all images in one axis": (
        "float[n,8,h,w] y",
        _BODY
        + "t = Transpose<perm = [1, 0, 2, 3]>(f)\n s = Softmax<axis = 1>(t)\n y = Transpose<perm = [1, 0, 2, 3]>(s)",
    ),
    "images taken apart along their own axis": (
        "float[n,8,h,w] y",
        _BODY
        + "t = Transpose<perm = [1, 0, 2, 3]>(f)\n u = Transpose<perm = [1, 0, 2, 3]>(t)\n"
        + "z = Gather<axis = 0>(u, axis0)\n y = Add(f, z)",
    ),
    "the number of images": (
        "float[n,8,h,w] y",
        _BODY + "s = Shape(x)\n n0 = Gather<axis = 0>(s, zero)\n nf = Cast<to = 1>(n0)\n y = Div(f, nf)",
    ),
    "the place of an image": (
        "float[n,8,h,w] y",
        _BODY
        + """s = Shape(x)
        n0 = Gather<axis = 0>(s, zero)
        r = Range(zero, n0, step)
        rf = Cast<to = 1>(r)
        r4 = Reshape(rf, column)
        y = Add(f, r4)""",
    ),
    "an output of all images": ("float[1,8,1,1] y", _BODY + "g = GlobalAveragePool(f)\n y = ReduceSum(g, axis0)"),
    "an output with another first axis": (
        "float[8,n] y",
        _BODY + _POOLED + "y = Transpose<perm = [1, 0]>(h)",
    ),
    "a second input without images": (
        "float[n,8,h,w] y",
        _BODY + "y = Mul(f, scale)",
    ),
}
_INTS = {
    "zero": np.array(0, np.int64),
    "step": np.array(1, np.int64),
    "two": np.array(2, np.int64),
    "axis0": np.array([0], np.int64),
    "parts": np.array([-1, 3, 8], np.int64),
    "one": np.array([1], np.int64),
    "eight": np.array([8], np.int64),
    "rest": np.array([8, -1], np.int64),
    "column": np.array([-1, 1, 1, 1], np.int64),
}


def model_of(outputs: str, body: str) -> onnx.ModelProto:
    """The network with these outputs and nodes."""
    scale = ", float[7] scale" if "scale" in body else ""
    text = f'<ir_version: 8, opset_import: ["" : 13]>\nnet ({_HEAD}{scale}) => ({outputs}) {{\n{body}\n}}'
    model = parser.parse_model(text)
    used = {name for node in model.graph.node for name in node.input}
    model.graph.initializer.extend(
        numpy_helper.from_array(array, name) for name, array in (_ARRAYS | _INTS).items() if name in used
    )
    return model


def feeds_of(images: int, height: int = 6, width: int = 7, seed: int = 0) -> dict[str, np.ndarray]:
    """Random images."""
    x = np.random.default_rng(seed).standard_normal((images, 3, height, width), dtype=np.float32)
    return {"x": x}


def expected(model: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    """What ONNX Runtime makes of them."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return list(session.run(None, feeds))
