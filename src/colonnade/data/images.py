"""Folders of image files, decoded by Pillow with a few threads. The only module that imports Pillow."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from colonnade.data.preprocess import Preprocess
from colonnade.errors import ColonnadeError

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
_MODES = {1: "L", 3: "RGB"}
_DEEP_MODES = ("I", "F")  # more than 8 bits per channel: Pillow would clip them
_DECODERS = 4


@dataclass(frozen=True)
class Unreadable:
    """Why an image could not be decoded."""

    reason: str


@dataclass(frozen=True)
class ImageFiles:
    """Image files below `folder`; names are relative to it."""

    folder: Path
    names: tuple[str, ...]

    @property
    def label(self) -> str:
        """What to call these images in messages."""
        return str(self.folder)

    def __len__(self) -> int:
        return len(self.names)

    def name(self, index: int) -> str:
        """What to call one image in messages."""
        return self.names[index]

    def fitted(self, shape: tuple[int, int, int], preprocess: Preprocess | None) -> Preprocess:
        """The preprocessing that makes images of `shape` (C, H, W). ColonnadeError if none is given or possible."""
        if preprocess is None:
            raise ColonnadeError(f"{self.label}: images need a preprocess, such as imagenet or mean=0.5,std=0.25")
        if shape[0] not in _MODES:
            raise ColonnadeError(f"{self.label}: images have 1 or 3 channels, but the model takes {shape[0]}")
        return preprocess.fitted(shape)

    @contextmanager
    def opened(
        self, shape: tuple[int, int, int], preprocess: Preprocess | None
    ) -> Iterator[Callable[[Sequence[int]], list[np.ndarray | Unreadable]]]:
        """A function from indices to f32 images of `shape`, which reads them while the `with` lasts."""
        chosen = self.fitted(shape, preprocess)

        def load(index: int) -> np.ndarray | Unreadable:
            path = self.folder / self.names[index]
            try:
                content = path.read_bytes()
            except OSError as error:
                raise ColonnadeError(f"{path}: cannot be read: {error.strerror}") from error
            pixels = decode(content, shape[0], chosen)
            return pixels if isinstance(pixels, Unreadable) else chosen.normalised(pixels)

        with ThreadPoolExecutor(_DECODERS) as pool:
            yield lambda indices: list(pool.map(load, indices))


def list_images(folder: Path) -> tuple[ImageFiles, np.ndarray | None, tuple[str, ...] | None]:
    """The images of a folder in the order of their names; if they lie in class folders, also each one's class index
    (i64) and the classes' names. ColonnadeError for a folder that is empty, mixed, or has an empty class."""
    require_pillow()
    folders, files = _entries(folder)
    if files and folders:
        raise ColonnadeError(
            f"{folder}: holds images beside folders ({files[0]}, {folders[0]}/); give one or the other"
        )
    if files:
        return ImageFiles(folder, tuple(files)), None, None
    names: list[str] = []
    counts = []
    for name in folders:
        deeper, images = _entries(folder / name)
        if deeper:
            raise ColonnadeError(f"{folder / name}: a class folder holds images only, not folders ({deeper[0]}/)")
        if not images:
            raise ColonnadeError(f"{folder / name}: this class folder holds no images; remove it or fill it")
        names += [f"{name}/{image}" for image in images]
        counts.append(len(images))
    if not names:
        raise ColonnadeError(f"{folder}: holds no images ({', '.join(sorted(SUFFIXES))}) and no class folders")
    return ImageFiles(folder, tuple(names)), np.repeat(np.arange(len(folders)), counts), tuple(folders)


def _entries(folder: Path) -> tuple[list[str], list[str]]:
    """Names of folders and of images, each sorted; what starts with a dot is left out."""
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
        folders = [entry.name for entry in entries if entry.is_dir()]
    except OSError as error:
        raise ColonnadeError(f"{folder}: cannot be read: {error.strerror}") from error
    taken = set(folders)
    return folders, [e.name for e in entries if e.suffix.lower() in SUFFIXES and e.name not in taken]


def require_pillow() -> None:
    """ColonnadeError, naming the extra to install, without Pillow."""
    try:
        import PIL.Image  # noqa: F401
    except ModuleNotFoundError:
        raise ColonnadeError("images need Pillow: pip install 'colonnade[data]'") from None


def decode(content: bytes, channels: int, preprocess: Preprocess) -> np.ndarray | Unreadable:
    """An image file resized and cut by a fitted `preprocess`: u8 [H, W, channels].

    The rotation that a camera notes (EXIF) is not applied, as in torchvision's ImageFolder."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.mode.startswith(_DEEP_MODES):
                return Unreadable(f"has more than 8 bits per channel (mode {image.mode})")
            pixels = np.asarray(_cut(image.convert(_MODES[channels]), preprocess))
    except MemoryError:
        raise
    except Exception as error:  # on damaged files Pillow's readers raise almost anything
        return Unreadable(_reason(error))
    return pixels.reshape(*pixels.shape[:2], channels)


def _cut(image: Image, preprocess: Preprocess) -> Image:
    from PIL.Image import Resampling

    assert preprocess.size is not None
    height, width = preprocess.resized(image.height, image.width)
    if (width, height) != image.size:
        image = image.resize((width, height), Resampling[preprocess.filter.upper()])
    top, left = preprocess.corner(height, width)
    return image.crop((left, top, left + preprocess.size[1], top + preprocess.size[0]))


def _reason(error: Exception) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):  # its text names a Python object
        return "not an image that Pillow knows"
    return " ".join(str(error).split()) or type(error).__name__
