"""A piece of a network that ONNX Runtime runs. Only this file of the library imports onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError

from colonnade.elements import ELEMENTS
from colonnade.errors import ColonnadeError, first_line

# Types of values by ONNX Runtime's names, as numpy spells them.
TYPES = {
    **{element.onnxruntime: element.dtype for element in ELEMENTS},
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(bool)": "bool",
    **{f"tensor({sign}int{bits})": f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}


class OnnxPiece:
    """An ONNX model, given as bytes that may come from anywhere. It can read no other file: ONNX Runtime gets no path,
    and a model that names external data is refused. ColonnadeError, about `label`, for all that it does not take."""

    def __init__(self, piece: bytes, label: str, threads: int) -> None:
        self._label = label
        runtime = _onnxruntime(label)
        _check_self_contained(piece, label)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session = runtime.InferenceSession(piece, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # what onnxruntime raises has no common class
            raise ColonnadeError(f"{label}: ONNX Runtime does not take its part: {first_line(error)}") from error
        self._dtypes = {entry.name: self._dtype(entry) for entry in self._session.get_inputs()}

    @property
    def input_names(self) -> list[str]:
        return list(self._dtypes)

    def outputs(self) -> dict[str, tuple[np.dtype[Any], tuple[int, ...]]]:
        """Element type and shape of each output by its name, -1 for sizes that depend on data."""
        return {
            entry.name: (self._dtype(entry), tuple(d if isinstance(d, int) else -1 for d in entry.shape))
            for entry in self._session.get_outputs()
        }

    def run(self, names: Sequence[str], feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        """The named outputs. Inputs are converted to the types that the model declares."""
        with np.errstate(all="ignore"):
            given = {name: array.astype(self._dtypes[name], copy=False) for name, array in feeds.items()}
        try:
            return [np.asarray(array) for array in self._session.run(list(names), given)]
        except Exception as error:
            raise ColonnadeError(f"{self._label}: ONNX Runtime failed: {first_line(error)}") from error

    def _dtype(self, entry: Any) -> np.dtype[Any]:
        if entry.type not in TYPES:
            raise ColonnadeError(f"{self._label}: '{entry.name}' is a {entry.type}, which stages cannot hand on")
        return np.dtype(TYPES[entry.type])


def _onnxruntime(label: str) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise ColonnadeError(
            f"{label}: ONNX Runtime runs a part of it, and is not installed; pip install 'colonnade[fallback]'"
        ) from None
    return onnxruntime


def _check_self_contained(piece: bytes, label: str) -> None:
    from colonnade.graph.tensors import all_tensors

    try:
        model = onnx.ModelProto.FromString(piece)
    except DecodeError:
        raise ColonnadeError(f"{label}: the file is damaged (a piece is no ONNX model); compile it again") from None
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in all_tensors(model)):
        raise ColonnadeError(f"{label}: a piece names data in another file, which is refused")
