"""Pruning by what a network does on sample images: columns chosen by the error they cause, kept weights solved anew."""
