"""Training with column-wise masks in PyTorch. Needs `pip install colonnade[train]`."""

from colonnade.train.distill import Distillation, Distiller
from colonnade.train.export import export_onnx
from colonnade.train.pruner import ColumnPruner
from colonnade.train.schedule import Gradual, OneShot, Schedule, StraightThrough
from colonnade.train.start import start_from

__all__ = [
    "ColumnPruner",
    "Distillation",
    "Distiller",
    "Gradual",
    "OneShot",
    "Schedule",
    "StraightThrough",
    "export_onnx",
    "start_from",
]
