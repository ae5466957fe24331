"""The operators of graphs, in families. One class says all that the graph knows of an operator (base.py)."""
