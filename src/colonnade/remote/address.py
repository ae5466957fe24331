"""Where a board is: ssh://[USER@]HOST[:PORT][/FOLDER][?prefix=COMMAND]."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from colonnade.errors import ColonnadeError

FORM = "ssh://[USER@]HOST[:PORT][/FOLDER][?prefix=COMMAND]"


@dataclass(frozen=True)
class Address:
    """text: as the user wrote it. user, port: None where ssh's own configuration decides. folder: on the board, in
    which one folder is made and removed again. prefix: words put before `colonnade-run`, such as taskset -c 4-7."""

    text: str
    host: str
    user: str | None = None
    port: int | None = None
    folder: str = "/tmp"
    prefix: tuple[str, ...] = ()


def parse_address(text: str) -> Address:
    """Read `text`. ColonnadeError if it is not an address, or holds a password."""
    try:
        parts = urlsplit(text)
        port = parts.port
        options = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        prefix = shlex.split(" ".join(options.pop("prefix", [])))
    except ValueError as error:
        raise ColonnadeError(f"{text}: not an address of the form {FORM}: {error}") from None
    if parts.scheme != "ssh" or not parts.hostname or options or parts.fragment:
        raise ColonnadeError(f"{text}: not an address of the form {FORM}")
    if parts.password is not None:
        raise ColonnadeError(f"ssh://{parts.hostname}: no passwords, please: they would stay in the shell's history; "
                             "use a key or ssh-agent")  # fmt: skip
    user = unquote(parts.username) if parts.username else None
    return Address(text, parts.hostname, user, port, unquote(parts.path).rstrip("/") or "/tmp", tuple(prefix))
