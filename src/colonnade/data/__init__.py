"""Images and labels, from folders and from arrays in files, as batches that a network takes."""

from colonnade.data.batches import Batch, Skipped, read_all, read_batches, skipped_text
from colonnade.data.dataset import Dataset, open_dataset
from colonnade.data.preprocess import IMAGENET, Preprocess, parse_preprocess

__all__ = [
    "IMAGENET",
    "Batch",
    "Dataset",
    "Preprocess",
    "Skipped",
    "open_dataset",
    "parse_preprocess",
    "read_all",
    "read_batches",
    "skipped_text",
]
