"""Column-wise sparsity: which weights stay, how a model is pruned, and how its tiles are found again."""

from colonnade.sparse.pattern import Level, Pattern, column_mask, convolution_mask, expand_mask, kept_columns
from colonnade.sparse.prune import LayerReport, PruneReport, prune_model
from colonnade.sparse.recover import Structure, Tile, describe, recover_tiles
from colonnade.sparse.save import save_model

__all__ = [
    "LayerReport",
    "Level",
    "Pattern",
    "PruneReport",
    "Structure",
    "Tile",
    "column_mask",
    "convolution_mask",
    "describe",
    "expand_mask",
    "kept_columns",
    "prune_model",
    "recover_tiles",
    "save_model",
]
