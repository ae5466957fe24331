"""Files that say that they are arrays in NumPy's .npy format."""

from __future__ import annotations

import io

import numpy as np


def _with_header(text: str) -> bytes:
    """An array file whose header is this text."""
    stream = io.BytesIO()
    header = f"{text}\n".encode("latin1")
    stream.write(np.lib.format.magic(1, 0) + len(header).to_bytes(2, "little") + header)
    return stream.getvalue() + bytes(64)


def _of_shape(shape: str, descr: str = "'<f4'") -> bytes:
    return _with_header(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}")


BROKEN_ARRAYS = {
    "nothing": b"",
    "text": b"hello, world\n",
    "magic": np.lib.format.magic(1, 0),
    "huge": _of_shape(f"({2**45},)"),
    "endless": _of_shape(f"({2**62}, {2**62})"),
    "negative": _of_shape("(-1,)"),
    "cut": _of_shape("(1000,)"),
    "brackets": _with_header("(" * 3000),
    "digits": _of_shape(f"({'9' * 3000},)"),
    "objects": _of_shape("(1,)", "'|O'"),
    "no type": _of_shape("(1,)", "[[]]"),
    "no shape": _of_shape("None"),
    "words": _of_shape("('a', 'b')"),
}
