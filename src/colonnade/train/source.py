"""The network that a recipe names: Python code that the user wrote or installed."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

from torch import nn

from colonnade.errors import ColonnadeError
from colonnade.train.checkpoint import load_state
from colonnade.train.recipe import ModelSection


def build_model(section: ModelSection, folder: Path) -> nn.Module:
    """Call the recipe's function and load its weights. `folder`: where relative paths begin. ColonnadeError where the
    code or the weights cannot be found or do not fit."""
    place, colon, function = section.source.rpartition(":")
    if not colon or not place or not function:
        raise ColonnadeError(f"model.source is {section.source!r}: write FILE.py:FUNCTION or MODULE:FUNCTION")
    make = getattr(_import(place, folder), function, None)
    if not callable(make):
        raise ColonnadeError(f"model.source: {place} has no function {function!r}")
    try:
        model = make(**section.arguments)
    except (TypeError, ValueError) as error:
        raise ColonnadeError(f"model.source: {section.source} does not take {section.arguments}: {error}") from error
    if not isinstance(model, nn.Module):
        raise ColonnadeError(f"model.source: {section.source} returns {type(model).__name__}, not an nn.Module")
    if section.weights:
        _load_weights(model, folder / section.weights)
    return model


def _import(place: str, folder: Path) -> ModuleType:
    try:
        if not place.endswith(".py"):
            return importlib.import_module(place)
        path = folder / place
        if not path.is_file():
            raise ColonnadeError(f"model.source: there is no file {path}")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    except (ImportError, SyntaxError) as error:
        raise ColonnadeError(f"model.source: {place} cannot be imported: {error}") from error


def _load_weights(model: nn.Module, path: Path) -> None:
    try:
        model.load_state_dict(load_state(path))
    except RuntimeError as error:
        raise ColonnadeError(f"model.weights: {path} does not fit the model: {' '.join(str(error).split())}") from error
