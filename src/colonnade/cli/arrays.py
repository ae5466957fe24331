"""Arrays in .npy files, as options name them."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path
from typing import TYPE_CHECKING

from colonnade.errors import ColonnadeError

if TYPE_CHECKING:
    import numpy as np

    from colonnade.runtime.session import Session


def assign(words: list[str], names: list[str], option: str, kind: str) -> dict[str, Path]:
    """NAME=FILE, or FILE for the first name that has none yet. What stands before a "=" is always a name."""
    found: dict[str, Path] = {}
    for word in words:
        name, separator, path = word.partition("=")
        if not separator:
            free = [candidate for candidate in names if candidate not in found]
            if not free:
                raise ColonnadeError(f"{option} {word}: the model has only {len(names)} {kind}(s): {', '.join(names)}")
            name, path = free[0], word
        elif name not in names:
            raise ColonnadeError(f"{option} {word}: no {kind} is called '{name}'; there are {', '.join(names)}")
        found[name] = Path(path)
    return found


def check_all_given(model: Path, session: Session, given: Container[str]) -> None:
    """ColonnadeError unless every input has a file."""
    if missing := [entry.name for entry in session.get_inputs() if entry.name not in given]:
        raise ColonnadeError(f"{model}: input '{missing[0]}' is not given; add --input {missing[0]}=FILE.npy")


def read_array(path: Path) -> np.ndarray:
    """The array in a .npy file; ColonnadeError if it is not one."""
    from colonnade.data.arrays import read_npy

    array = read_npy(path)
    if array is None:
        raise ColonnadeError(f"{path}: holds several arrays (.npz); give one .npy file per input")
    return array


def npy_bytes(array: np.ndarray) -> bytes:
    """The array as a .npy file."""
    import io

    import numpy as np

    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()
