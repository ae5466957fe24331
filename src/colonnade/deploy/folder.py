"""A folder with everything a machine needs to run one model: no Python, no compiler, nothing to install."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from colonnade.errors import ColonnadeError
from colonnade.modelfile import records
from colonnade.modelfile.reader import Description, describe
from colonnade.runtime.binding import checksum
from colonnade.runtime.native import HEADER, Products, products
from colonnade.target.isa import ISAS
from colonnade.target.targets import TARGETS
from colonnade.target.toolchain import ARCHITECTURES

EXAMPLE = Path(__file__).parent / "example.c"
CHECKED_FROM = len(records.MAGIC) + 8  # the checksum is of every byte after itself


@dataclass(frozen=True)
class Deployment:
    """A model file and the architecture it is to run on."""

    data: bytes
    file_name: str
    arch: str


def read_deployment(model: Path, arch: str | None = None) -> Deployment:
    """The model file at `model`, for `arch` (None: the one it was compiled for). ColonnadeError if it is missing or
    damaged, or is for another architecture."""
    try:
        data = model.read_bytes()
    except OSError as error:
        raise ColonnadeError(f"{model}: {error.strerror}") from error
    description = describe(data, str(model))
    if records.HEADER.unpack(data[: records.HEADER.size])["checksum"] != checksum(data[CHECKED_FROM:]):
        raise ColonnadeError(f"{model}: the file is damaged (its checksum does not match); compile the model again")
    return Deployment(data, model.name, _architecture(model, description, arch))


def deploy(deployment: Deployment, folder: Path) -> None:
    """Make `folder`: runner, model, C header, static and shared library, C example. Built beside and renamed, so that
    it is there whole or not at all. ColonnadeError if it exists or cannot be made."""
    check_new_folder(folder)
    made = products(deployment.arch)
    try:
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".colonnade-") as beside:
            partial = Path(beside) / "folder"
            _fill(partial, deployment, made)
            partial.rename(folder)
    except OSError as error:
        raise ColonnadeError(f"{folder}: cannot be written: {error.strerror}") from error


def check_new_folder(folder: Path) -> None:
    """ColonnadeError unless a folder can be made at `folder`. Call it before long work."""
    if os.path.lexists(folder):
        raise ColonnadeError(f"{folder}: exists already; remove it or name another folder")
    if not folder.parent.is_dir():
        raise ColonnadeError(f"{folder}: there is no directory {folder.parent}; create it first")
    if not os.access(folder.parent, os.W_OK | os.X_OK):
        raise ColonnadeError(f"{folder}: the directory {folder.parent} cannot be written; choose another")


def _architecture(model: Path, description: Description, wanted: str | None) -> str:
    """That of the kernels, or where these run anywhere that of the target the model was planned for."""
    target = description.target
    own = {isa.name: isa.arch for isa in ISAS}.get(target)
    if own is None:
        raise ColonnadeError(f"{model}: compiled for '{target}', which this version does not know")
    if wanted is not None and wanted not in ARCHITECTURES:
        raise ColonnadeError(f"--arch: '{wanted}' is not one of {', '.join(ARCHITECTURES)}")
    if own == "any":
        planned = {known.name: known.arch for known in TARGETS}.get(description.planned_for, "any")
        if wanted is None and planned == "any":
            raise ColonnadeError(f"{model}: runs on any CPU; say for which with --arch {' or '.join(ARCHITECTURES)}")
        return wanted or planned
    if wanted not in (None, own):
        raise ColonnadeError(f"{model}: compiled for {target}, which is {own} and not {wanted}; compile it again")
    return own


def _fill(folder: Path, deployment: Deployment, made: Products) -> None:
    for part in (folder, folder / "include", folder / "lib"):
        part.mkdir()
    shutil.copy(made.runner, folder)
    for library in (made.archive, made.shared):
        shutil.copy(library, folder / "lib")
    shutil.copy(HEADER, folder / "include")
    shutil.copy(EXAMPLE, folder)
    (folder / deployment.file_name).write_bytes(deployment.data)
