"""The one exception type for everything a user can get wrong, and the one warning for what goes on without a part."""

from __future__ import annotations


class ColonnadeError(Exception):
    """Bad input or a request that cannot be met.

    The message is one line that says what is wrong, where (file, node, op, shape) and what to do.
    The command line prints it and exits with code 2; anything else that escapes is a bug in Colonnade.
    """


class ColonnadeWarning(UserWarning):
    """Something that was asked for is done, but not as it was meant: slower, or without keeping what was measured.

    The message is one line that says what is missing and what follows from it. The command line prints it on stderr.
    """
