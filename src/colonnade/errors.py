"""The one exception type for everything a user can get wrong, the one warning for what goes on without a part, and how
their text is made safe to show."""

from __future__ import annotations


class ColonnadeError(Exception):
    """Bad input or a request that cannot be met.

    The message is one line that says what is wrong, where (file, node, op, shape) and what to do. Names from damaged
    or hostile files may stand in it: whatever is not printable becomes a space here, so that no terminal obeys it.
    The command line prints it and exits with code 2; anything else that escapes is a bug in Colonnade.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def one_line(text: str) -> str:
    """The text without line breaks, control characters and halves of characters, which names in a file may hold."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def first_line(error: BaseException) -> str:
    """The first line of an error's text that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return one_line(lines[0]) if lines else type(error).__name__


class ColonnadeWarning(UserWarning):
    """Something that was asked for is done, but not as it was meant: slower, or without keeping what was measured.

    The message is one line that says what is missing and what follows from it. The command line prints it on stderr.
    """
