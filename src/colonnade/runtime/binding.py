"""The native library through ctypes: one function per C function, errors as ColonnadeError."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache

from colonnade.errors import ColonnadeError
from colonnade.runtime.native import library_path

ERROR_BYTES = 512


class Info(ctypes.Structure):
    """cln_info: name, dims, rank, element type and size of an input or output."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("dims", ctypes.POINTER(ctypes.c_int64)),
        ("rank", ctypes.c_int32),
        ("element", ctypes.c_int),
        ("elements", ctypes.c_int64),
        ("bytes", ctypes.c_int64),
    )


_POINTERS = ctypes.POINTER(ctypes.c_void_p)
_ERROR = (ctypes.c_char_p, ctypes.c_size_t)

# Result and argument types of every function of csrc/colonnade.h.
_SIGNATURES: dict[str, tuple[object, tuple[object, ...]]] = {
    "cln_version": (ctypes.c_char_p, ()),
    "cln_build": (ctypes.c_char_p, ()),
    "cln_target": (ctypes.c_char_p, (ctypes.c_int32, ctypes.POINTER(ctypes.c_int32))),
    "cln_model_open": (ctypes.c_int, (ctypes.c_char_p, _POINTERS, *_ERROR)),
    "cln_model_read": (ctypes.c_int, (ctypes.c_char_p, ctypes.c_size_t, _POINTERS, *_ERROR)),
    "cln_model_check": (ctypes.c_int, (ctypes.c_char_p, ctypes.c_size_t, *_ERROR)),
    "cln_model_close": (None, (ctypes.c_void_p,)),
    "cln_model_programs": (ctypes.c_int32, (ctypes.c_void_p,)),
    "cln_model_program": (ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_int32)),
    "cln_model_images": (ctypes.c_int32, (ctypes.c_void_p,)),
    "cln_model_inputs": (ctypes.c_int32, (ctypes.c_void_p,)),
    "cln_model_outputs": (ctypes.c_int32, (ctypes.c_void_p,)),
    "cln_model_input": (Info, (ctypes.c_void_p, ctypes.c_int32)),
    "cln_model_output": (Info, (ctypes.c_void_p, ctypes.c_int32)),
    "cln_model_target": (ctypes.c_char_p, (ctypes.c_void_p,)),
    "cln_model_arena_bytes": (ctypes.c_int64, (ctypes.c_void_p,)),
    "cln_model_steps": (ctypes.c_int32, (ctypes.c_void_p,)),
    "cln_model_step": (ctypes.c_char_p, (ctypes.c_void_p, ctypes.c_int32, ctypes.POINTER(ctypes.c_char_p))),
    "cln_session_create": (ctypes.c_int, (ctypes.c_void_p, ctypes.c_int32, _POINTERS, *_ERROR)),
    "cln_session_program": (ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_int32)),
    "cln_session_free": (None, (ctypes.c_void_p,)),
    "cln_session_run": (None, (ctypes.c_void_p, _POINTERS, _POINTERS)),
    "cln_session_profile": (None, (ctypes.c_void_p, _POINTERS, _POINTERS, ctypes.POINTER(ctypes.c_double))),
    "cln_session_fma_rate": (ctypes.c_double, (ctypes.c_void_p, ctypes.c_int64)),
    "cln_session_read_rate": (
        ctypes.c_double,
        (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64),
    ),
    "cln_checksum": (ctypes.c_uint64, (ctypes.c_char_p, ctypes.c_size_t)),
}


@cache
def library() -> ctypes.CDLL:
    """The host's library, loaded once."""
    path = library_path()
    if not path.exists():
        raise ColonnadeError(f"the native library {path} is missing; run pip install -e . in the checkout")
    try:
        loaded = ctypes.CDLL(str(path))
    except OSError as error:
        raise ColonnadeError(f"the native library cannot be loaded: {error}") from None
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


def readable(text: bytes) -> str:
    """Text that may hold names from a file, as one printable line."""
    return printable(text.decode(errors="replace"))


def printable(text: str) -> str:
    """The same of a string: nothing in it moves a terminal's cursor."""
    return "".join(c if c.isprintable() else "?" for c in text)


def checked(label: str, function: Callable[..., int], *arguments: object) -> None:
    """Call a function that ends in (char *error, size_t error_size); its message becomes an error about `label`."""
    error = ctypes.create_string_buffer(ERROR_BYTES)
    if function(*arguments, error, ERROR_BYTES):
        raise ColonnadeError(f"{label}: {readable(error.value)}")


def checksum(data: bytes) -> int:
    """XXH64 with seed 0."""
    return int(library().cln_checksum(data, len(data)))


def check_model(data: bytes, label: str) -> None:
    """ColonnadeError for what a machine of the model file's target would refuse to open, whichever that is."""
    checked(label, library().cln_model_check, data, len(data))


def build_id() -> str:
    """Digest of the library's sources, generator, compiler and options."""
    return str(library().cln_build().decode())


def targets() -> tuple[tuple[str, bool], ...]:
    """Targets the library has kernels for, best last, and whether this CPU runs each."""
    found: list[tuple[str, bool]] = []
    runs = ctypes.c_int32()
    while name := library().cln_target(len(found), ctypes.byref(runs)):
        found.append((name.decode(), bool(runs.value)))
    return tuple(found)
