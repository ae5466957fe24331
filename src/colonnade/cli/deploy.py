"""Commands for other machines: deploy, targets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from colonnade.cli.options import print_table


def deploy(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Compiled model.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to make.", show_default=False)],
    arch: Annotated[
        str | None,
        typer.Option(help="Architecture of the other machine, if the model runs on any. [default: the model's]"),
    ] = None,
) -> None:
    """Make a folder that runs a compiled model on another machine: a program, the model, C libraries, an example."""
    from colonnade.deploy.folder import check_new_folder, read_deployment
    from colonnade.deploy.folder import deploy as make_folder
    from colonnade.runtime.native import find_products

    check_new_folder(output)
    deployment = read_deployment(model, arch)
    if not find_products(deployment.arch):
        typer.echo(f"compiling the runner and the libraries for {deployment.arch}, once (about a minute)", err=True)
    make_folder(deployment, output)
    size = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    typer.echo(f"{output}: {size / 1e6:.1f} MB for {deployment.arch}; copy it there and run")
    typer.echo(f"  ./colonnade-run {deployment.file_name} --input x.npy --output y.npy")


def targets() -> None:
    """List the targets that models can be compiled for, and whether this CPU can run them."""
    from rich.table import Table

    from colonnade.remote.open import runs_here
    from colonnade.target.targets import TARGETS

    table = Table("target", "architecture", "kernels")
    for heading in ("VLEN", "L1", "L2"):
        table.add_column(heading, justify="right")
    table.add_column("this CPU")
    for target in TARGETS:
        table.add_row(
            target.name,
            target.arch,
            target.isa.name,
            str(target.vlen or "-"),
            f"{target.l1_bytes >> 10} KiB",
            f"{target.l2_bytes >> 10} KiB",
            "yes" if runs_here(target) else "no",
        )
    print_table(table)
