"""Images in .npy and .npz files, read one by one, so that memory does not grow with the file."""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from colonnade.data.preprocess import Preprocess
from colonnade.errors import ColonnadeError
from colonnade.graph.tensors import shape_text

IMAGES, LABELS = "x", "y"  # names of the arrays in an .npz
_KINDS = {(np.dtype(np.float32), 4), (np.dtype(np.uint8), 4), (np.dtype(np.uint8), 3)}  # (dtype, dimensions)
# What numpy raises for a file that is no array, or whose header is nonsense: an endless shape, brackets without end.
NO_ARRAY = (
    OSError,
    ValueError,
    EOFError,
    SyntaxError,
    TypeError,
    OverflowError,
    MemoryError,
    RecursionError,
    tokenize.TokenError,
)
_DAMAGE = (*NO_ARRAY, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class ArrayFile:
    """An array of images: f32 [N, C, H, W], or u8 [N, H, W, C] or [N, H, W]. `start` bytes come before the first."""

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype
    start: int

    @property
    def label(self) -> str:
        """What to call these images in messages."""
        return str(self.path)

    def __len__(self) -> int:
        return self.shape[0]

    def name(self, index: int) -> str:
        """What to call one image in messages."""
        return f"image {index}"

    def fitted(self, shape: tuple[int, int, int], preprocess: Preprocess | None) -> Preprocess | None:
        """The preprocessing that makes images of `shape` (C, H, W): None for f32 arrays, which are taken as they are.
        ColonnadeError if the array's images are of another shape, or u8 without a preprocess."""
        found = self.shape[1:] if self.dtype == np.float32 else (*(self.shape[3:] or (1,)), *self.shape[1:3])
        if found != shape:
            raise ColonnadeError(
                f"{self.label}: holds images of shape {list(found)} (channels, height, width), "
                f"but the model takes {list(shape)}"
            )
        if self.dtype == np.float32:
            if preprocess is not None:
                raise ColonnadeError(f"{self.label}: a float32 array is taken as it is; leave the preprocess out")
            return None
        if preprocess is None:
            raise ColonnadeError(f"{self.label}: a uint8 array needs a preprocess, such as imagenet or mean=0,std=1")
        return preprocess.fitted(shape)

    @contextmanager
    def opened(
        self, shape: tuple[int, int, int], preprocess: Preprocess | None
    ) -> Iterator[Callable[[Sequence[int]], list[np.ndarray]]]:
        """A function from indices to f32 images of `shape`, which reads them while the `with` lasts. In an .npz they
        come fast only in ascending order. ColonnadeError for NaN and infinity."""
        chosen = self.fitted(shape, preprocess)
        stored = self.shape[1:]
        size = math.prod(stored) * self.dtype.itemsize

        with _stream(self.path) as stream:

            def load(index: int) -> np.ndarray:
                with _checked(self.path):
                    stream.seek(self.start + index * size)
                    image = np.frombuffer(stream.read(size), self.dtype).reshape(stored)
                if chosen is not None:
                    return chosen.normalised(image.reshape(*stored[:2], shape[0]))
                if not np.isfinite(image).all():
                    raise ColonnadeError(f"{self.label}: {self.name(index)} holds NaN or infinity")
                return image

            yield lambda indices: [load(index) for index in indices]


def open_array(path: Path) -> ArrayFile:
    """The array of images in an .npy file, or `x` in an .npz. ColonnadeError unless it is one that ArrayFile names."""
    with _stream(path) as stream, _checked(path):
        shape, fortran, dtype = _header(stream)
        start = stream.tell()
    if (dtype, len(shape)) not in _KINDS:
        raise ColonnadeError(
            f"{path}: holds {dtype} of shape {list(shape)}; images are float32 [N, C, H, W] or uint8 [N, H, W, C]"
        )
    if 0 in shape:
        raise ColonnadeError(f"{path}: holds no images (its shape is {list(shape)})")
    if fortran:
        raise ColonnadeError(f"{path}: is in Fortran order; save np.ascontiguousarray(x)")
    found = ArrayFile(path, shape, dtype, start)
    if _size(path) < start + math.prod(shape) * dtype.itemsize:
        raise ColonnadeError(f"{path}: is cut short; it should hold {len(found)} images")
    return found


def read_npy(path: Path) -> np.ndarray | None:
    """The array in an .npy file, whole in memory, or None if the file is an .npz. ColonnadeError, before anything is
    allocated, if the file is shorter than its header says."""
    with _checked(path):
        with path.open("rb") as stream:
            if stream.read(2) == b"PK":
                return None
            stream.seek(0)
            shape, _, dtype = _header(stream)
            if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize > path.stat().st_size - stream.tell():
                raise ColonnadeError(f"{path}: is cut short; it should hold an array of shape {shape_text(shape)}")
        return np.asarray(np.load(path, allow_pickle=False))


def read_vector(path: Path) -> np.ndarray | None:
    """The array in an .npy file, or `y` in an .npz (None if it has no such array), whole in memory."""
    whole = read_npy(path)
    if whole is not None:
        return whole
    with _checked(path):
        loaded = np.load(path, allow_pickle=False)
        with loaded:
            return np.asarray(loaded[LABELS]) if LABELS in loaded else None


@contextmanager
def _stream(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of the .npy file at `path`, or of the one that holds the images in an .npz."""
    with _checked(path):
        if path.suffix.lower() != ".npz":
            opened: zipfile.ZipFile | IO[bytes] = path.open("rb")
        else:
            opened = zipfile.ZipFile(path)
    with opened:
        if not isinstance(opened, zipfile.ZipFile):
            yield opened
            return
        _member(opened, path)
        with _checked(path):
            member = opened.open(f"{IMAGES}.npy")
        with member:
            yield member


def _member(archive: zipfile.ZipFile, path: Path) -> zipfile.ZipInfo:
    names = archive.namelist()
    if f"{IMAGES}.npy" not in names:
        held = ", ".join(name.removesuffix(".npy") for name in names) or "nothing"
        raise ColonnadeError(f"{path}: holds {held}; call the array of images '{IMAGES}' and that of labels '{LABELS}'")
    return archive.getinfo(f"{IMAGES}.npy")


def _size(path: Path) -> int:
    """Bytes of what `_stream` reads."""
    if path.suffix.lower() != ".npz":
        return path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        return _member(archive, path).file_size


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(stream)
    raise ValueError(version)  # (3, 0) is for records with names beyond latin-1


@contextmanager
def _checked(path: Path) -> Iterator[None]:
    """What fails for a missing or damaged file becomes a ColonnadeError."""
    try:
        yield
    except FileNotFoundError:
        raise ColonnadeError(f"{path}: no such file") from None
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise ColonnadeError(f"{path}: cannot be read: {error.strerror}") from error
        raise ColonnadeError(f"{path}: not an array in NumPy's .npy or .npz format, or damaged") from None
