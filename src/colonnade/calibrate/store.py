"""Activations of all samples, kept in files: memory holds those of one image, however many there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.graph.ir import REAL


class Store:
    """Values by name, each f32 [samples, *shape] in a file of its own."""

    def __init__(self, folder: Path, prefix: str) -> None:
        """Files have names in `folder` that start with `prefix`; there must be none yet."""
        self._folder, self._prefix = folder, prefix
        self._files: dict[str, tuple[Path, tuple[int, ...]]] = {}
        self._made = 0

    def read(self, name: str) -> np.ndarray:
        """All samples of a value, mapped, not loaded."""
        path, shape = self._files[name]
        return np.memmap(path, REAL, mode="r").reshape(-1, *shape)

    def drop(self, name: str) -> None:
        """Forget a value and give its space back."""
        path, _ = self._files.pop(name)
        path.unlink()

    @contextmanager
    def writers(self, shapes: Mapping[str, tuple[int, ...]]) -> Iterator[dict[str, BinaryIO]]:
        """Files to append samples of new values to; the values are there when the `with` ends. ColonnadeError where
        the disk is full."""
        paths = {name: self._folder / f"{self._prefix}-{self._made + i}.f32" for i, name in enumerate(shapes)}
        self._made += len(paths)
        try:
            with ExitStack() as stack:
                yield {name: stack.enter_context(path.open("xb")) for name, path in paths.items()}
        except OSError as error:
            raise ColonnadeError(
                f"{self._folder}: activations cannot be kept there: {error.strerror or error}; use fewer samples"
            ) from error
        self._files.update({name: (path, tuple(shapes[name])) for name, path in paths.items()})
