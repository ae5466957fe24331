"""The `colonnade` command.

Commands import what they need when they run, so that `--help` and mistakes in options answer at once.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import TextIO

import typer

from colonnade.cli import accuracy, budget, check, demo, deploy, measure, model, product, training
from colonnade.errors import ColonnadeError, ColonnadeWarning

EXIT_MISTAKE = 2
EXIT_INTERRUPTED = 130

app = typer.Typer(
    help="Prune convolutional networks column by column, tune them for this machine, and run them.",
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    rich_markup_mode=None,
)
for command in (
    model.zoo,
    check.check,
    model.inspect,
    model.prune,
    product.compile_model,
    product.run,
    accuracy.evaluate,
    budget.allocate,
    deploy.deploy,
    deploy.targets,
    demo.demo,
    measure.bench,
    measure.forecast,
    measure.profile,
    training.finetune,
):
    app.command(command.__name__.removesuffix("_model"))(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        from colonnade import __version__

        typer.echo(f"colonnade {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version."),
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; its exit code. A mistake of the user is one line on stderr and code 2."""
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        return _run(arguments)


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code = app(args=None if arguments is None else list(arguments), standalone_mode=False)
    except ColonnadeError as error:
        return _complain(str(error))
    except typer.TyperException as error:
        return _complain(error.format_message() or "no command given; see colonnade --help")
    except (typer.Abort, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except OSError as error:
        return _complain(f"{error.filename or 'input or output'}: {error.strerror or error}")
    return code if isinstance(code, int) else 0


def _complain(message: str) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return EXIT_MISTAKE


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Ours as one line for people, those of other packages as Python shows them."""
    if issubclass(category, ColonnadeWarning):
        print(f"warning: {' '.join(str(message).split())}", file=sys.stderr)
    else:
        print(warnings.formatwarning(message, category, filename, lineno, line), end="", file=file or sys.stderr)
