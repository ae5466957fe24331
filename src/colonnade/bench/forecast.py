"""`colonnade forecast`: how fast a network would be at given sparsities, before anyone trains it.

Time depends on which columns are kept, not on the weights' values, so masks made by the pruning rule from whatever
weights the file holds give the time of a trained model. No file is written.
"""

from __future__ import annotations

from dataclasses import dataclass

from colonnade import api
from colonnade.bench.progress import silent
from colonnade.bench.report import sparsity_text
from colonnade.bench.run import Options
from colonnade.bench.subject import open_model
from colonnade.bench.timing import Times, time_variants
from colonnade.graph.onnx_import import import_model


@dataclass(frozen=True)
class Forecast:
    """Times of a network, one number per sparsity; the first is dense."""

    model: str
    sparsities: tuple[float, ...]
    times: Times


def forecast(source: str, options: Options, batch: int | None = None, tell: api.Progress = silent) -> Forecast:
    """Time `source`, a zoo name or an ONNX file, dense and at each sparsity of `options`, on its runner. batch: None
    is the file's."""
    options.check()
    model = open_model(source, input_size=options.input_size)
    import_model(
        model.proto, batch=batch, input_size=options.input_size
    )  # what cannot be compiled fails before minutes of it
    wanted = tuple(sorted({0.0, *options.sparsities}))
    pruned = {sparsity_text(sparsity): options.prune(model, sparsity) for sparsity in wanted}
    return Forecast(model.name, wanted, time_variants(pruned, options, batch, tell))
