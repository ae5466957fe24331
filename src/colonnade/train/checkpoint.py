"""Files of a run: state_dicts and checkpoints, each replaced as a whole."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from colonnade.errors import ColonnadeError
from colonnade.files import write_atomic


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write plain data and tensors; a process that is killed meanwhile leaves the file as it was."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_atomic(path, buffer.getvalue())


def load_state(path: Path) -> dict[str, Any]:
    """What `save_state` wrote, on the CPU. Nothing in the file is executed. ColonnadeError for any other file."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ColonnadeError(f"{path}: there is no such file") from None
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ColonnadeError(f"{path}: cannot be read as a state_dict: {reason}") from error
    if not isinstance(state, dict):
        raise ColonnadeError(f"{path}: holds {type(state).__name__}, not a state_dict")
    return state
