"""Timing against other runtimes: peers, worker processes, interleaved rounds, tables."""
