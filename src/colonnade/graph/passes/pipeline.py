"""The passes, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable

from colonnade.graph.ir import Graph
from colonnade.graph.passes.activation import fuse_activations, recognise_activations
from colonnade.graph.passes.affine import fold_affine_backward, fold_affine_forward
from colonnade.graph.passes.maps import fuse_maps
from colonnade.graph.passes.pad import merge_pads
from colonnade.graph.passes.residual import fuse_residual_adds
from colonnade.graph.passes.shortcut import merge_shortcuts
from colonnade.graph.passes.simplify import drop_identities, merge_reshapes, remove_dead_nodes

PASSES: tuple[Callable[[Graph], Graph], ...] = (
    drop_identities,
    recognise_activations,
    merge_reshapes,
    merge_pads,
    fold_affine_backward,
    fold_affine_forward,
    fuse_activations,
    fuse_residual_adds,
    drop_identities,  # those that merging left: reshapes back to the same shape, affines that cancel out
    remove_dead_nodes,
    fuse_maps,
)


def optimize(graph: Graph, *, merge: bool = False) -> Graph:
    """An equal graph with fewer nodes: same inputs, same outputs by name, values equal up to rounding. merge: also
    make one convolution of several, for speed; they are no layers of their own any more."""
    for rewrite in PASSES:
        graph = rewrite(graph)
    return merge_shortcuts(graph) if merge else graph
