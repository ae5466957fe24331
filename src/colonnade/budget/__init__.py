"""Which layers to prune, and how far: the least loss for a given time."""
