"""The runtimes Colonnade is compared with, each behind one small function.

A loader takes an ONNX file of static shapes and gives back a function that runs it once. All run in f32 with every
graph optimisation the runtime offers, on the number of threads asked for, and take their input the cheapest way their
documentation names. Loaders are called in a worker process (`worker.py`), so what a runtime prints, leaves behind or
crashes on stays there.
"""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

Run = Callable[[np.ndarray], np.ndarray]

# The MNN wheel's own command `mnnconvert` installs a usage logger with pip the first time it runs and reports each
# conversion over the network; the function it wraps does neither.
_MNN_CONVERT = "import sys, _tools; _tools.mnnconvert(sys.argv)"


class PeerAbsentError(Exception):
    """The runtime cannot take part: it is not installed, or has no support for what is asked."""


class PeerFailedError(Exception):
    """The runtime is there and could not convert, load or run the model."""


@dataclass(frozen=True)
class Job:
    """What to load: an ONNX file with one input of `shape` (N, C, H, W), and a folder for converted files."""

    model: Path
    shape: tuple[int, ...]
    threads: int
    workdir: Path


@dataclass(frozen=True)
class Peer:
    """One runtime: how to load a model, and the distributions whose versions a result depends on."""

    load: Callable[[Job], Run]
    distributions: tuple[str, ...]


def _load_onnxruntime(job: Job) -> Run:
    ort = _module("onnxruntime")
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.intra_op_num_threads = job.threads
    options.inter_op_num_threads = 1
    # Its pool would otherwise keep spinning for a while after a run, into the next runtime's turn.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = ort.InferenceSession(str(job.model), options, providers=["CPUExecutionProvider"])
    name, outputs = session.get_inputs()[0].name, [session.get_outputs()[0].name]
    return lambda x: np.asarray(session.run(outputs, {name: x})[0])


def _load_openvino(job: Job) -> Run:
    openvino = _module("openvino")
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": job.threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
    }
    request = openvino.Core().compile_model(str(job.model), "CPU", settings).create_infer_request()
    return lambda x: np.asarray(request.infer({0: x}, share_inputs=True, share_outputs=True)[0])


def _load_mnn(job: Job) -> Run:
    engine = _module("MNN")
    converted = job.workdir / "model.mnn"
    arguments = ["-f", "ONNX", "--modelFile", str(job.model), "--MNNModel", str(converted)]
    _convert([sys.executable, "-c", _MNN_CONVERT, *arguments], converted)
    interpreter = engine.Interpreter(str(converted))
    session = interpreter.createSession({"backend": "CPU", "precision": "high", "numThread": job.threads})
    source, sink = interpreter.getSessionInput(session), interpreter.getSessionOutput(session)

    def run(x: np.ndarray) -> np.ndarray:
        source.copyFrom(engine.Tensor(x.shape, engine.Halide_Type_Float, x, engine.Tensor_DimensionType_Caffe))
        if interpreter.runSession(session) != 0:
            raise PeerFailedError("MNN could not run the model")
        return np.asarray(sink.getNumpyData())

    return run


def _load_ncnn(job: Job) -> Run:
    ncnn, converter = _module("ncnn"), _pnnx()
    if job.shape[0] != 1:
        raise PeerAbsentError(f"ncnn runs batch 1 only, not {job.shape[0]}")
    param, weights = job.workdir / "model.ncnn.param", job.workdir / "model.ncnn.bin"
    side_files = {key: job.workdir / f"model.{key}" for key in ("pnnxparam", "pnnxbin", "pnnxpy", "pnnxonnx", "ncnnpy")}
    outputs = side_files | {"ncnnparam": param, "ncnnbin": weights}
    shape = ",".join(str(size) for size in job.shape)
    options = [f"inputshape=[{shape}]", "fp16=0", *(f"{key}={path}" for key, path in outputs.items())]
    source_link = job.workdir / "model.onnx"  # pnnx also writes a simplified model beside the file it reads
    source_link.symlink_to(job.model)
    _convert([str(converter), str(source_link), *options], param)
    net = ncnn.Net()
    for option in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_packed", "use_bf16_storage"):
        if hasattr(net.opt, option):
            setattr(net.opt, option, False)
    net.opt.num_threads = job.threads
    if net.load_param(str(param)) != 0 or net.load_model(str(weights)) != 0:
        raise PeerFailedError("ncnn could not load the converted model")
    source, sink = net.input_names()[0], net.output_names()[0]

    def run(x: np.ndarray) -> np.ndarray:
        extractor = net.create_extractor()
        extractor.input(source, ncnn.Mat(x[0]))
        status, result = extractor.extract(sink)
        if status != 0:
            raise PeerFailedError("ncnn could not run the model")
        return np.array(result)[np.newaxis]

    return run


def _pnnx() -> Path:
    """The converter's program. Its Python package is not imported: that needs PyTorch, the program does not."""
    spec = importlib.util.find_spec("pnnx")
    if spec is None or spec.origin is None:
        raise PeerAbsentError("ncnn needs pnnx to read ONNX: pip install --no-deps pnnx")
    return Path(spec.origin).parent / "pnnx"


PEERS: Mapping[str, Peer] = {
    "onnxruntime": Peer(_load_onnxruntime, ("onnxruntime",)),
    "openvino": Peer(_load_openvino, ("openvino",)),
    "mnn": Peer(_load_mnn, ("MNN",)),
    "ncnn": Peer(_load_ncnn, ("ncnn", "pnnx")),
}


def _module(name: str) -> Any:  # the runtimes ship no types
    """Import a runtime; PeerAbsentError if it is not installed."""
    try:
        module: ModuleType = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise PeerAbsentError(f"{name} is not installed") from None
    return module


def _convert(command: list[str], product: Path) -> None:
    """Run a converter for the file `product`; PeerFailedError with the line it complained in."""
    done = subprocess.run(command, cwd=product.parent, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode == 0 and product.is_file() and product.stat().st_size > 0:
        return
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    complaints = [line for line in lines if any(word in line.lower() for word in ("error", "fail", "not support"))]
    reason = (complaints or lines or [f"exit code {done.returncode}"])[0]
    raise PeerFailedError(f"conversion failed: {reason}")
