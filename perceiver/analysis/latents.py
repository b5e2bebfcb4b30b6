"""Latents of a block: clusters of similar attention maps, how concentrated they are, and how they move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64

from ..notebook import titled_table
from ..sample import Part, Sample, split
from ..trace import Kind, Trace
from ..validation import index_of, whole_number
from .change import latent_divergences
from .formatting import number

NAMED = 8
"""Latents of a cluster that a notebook lists."""

ROWS = 2048
"""Number of elements compared at a time."""

AT_A_TIME = 4_000_000
"""Attention weights held in memory at a time: 16 MB."""


@dataclass(frozen=True)
class LatentClusters:
    """Hierarchical clusters of one block's latents by the similarity of their attention maps.

    order    latents in the order of the tree's leaves: neighbours have similar maps
    cluster  the cluster of each latent, 0 for the largest
    linkage  the tree as a linkage matrix of `scipy.cluster.hierarchy`, distances in [0, 1]
    """

    order: Int64[np.ndarray, "N"]
    cluster: Int64[np.ndarray, "N"]
    linkage: Float64[np.ndarray, "joints 4"]

    def members(self, cluster: int) -> Int64[np.ndarray, "k"]:
        """The latents of a cluster, in the order of the tree."""
        return self.order[self.cluster[self.order] == cluster]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of latents of each cluster, largest first."""
        return tuple(int(n) for n in np.bincount(self.cluster))


@dataclass(frozen=True)
class Concentration:
    """Concentration of the attention maps of a block's latents.

    entropy    of each latent's attention weights (mean over heads if none is chosen), in nats
    effective  exp(entropy), the effective number of elements
    """

    entropy: Float[np.ndarray, "N"]
    effective: Float[np.ndarray, "N"]

    @property
    def order(self) -> Int64[np.ndarray, "N"]:
        """The latents, the most concentrated first."""
        return np.argsort(self.entropy, kind="stable")


@dataclass(frozen=True)
class Movement:
    """Divergence of every latent's attention maps between consecutive blocks.

    steps       pairs of blocks (from, to)
    divergence  Jensen-Shannon divergence of each latent's attention weights in the two blocks, in bits: 0 for equal
                maps, 1 for disjoint ones
    """

    steps: tuple[tuple[int, int], ...]
    divergence: Float64[np.ndarray, "steps N"]


def cluster_latents(trace: Trace, block: int, clusters: int = 4, head: int | None = None) -> LatentClusters:
    """Clusters the latents of a block by their attention weights: average linkage on Hellinger distances.

    The Hellinger distance of p and q is sqrt(1 - sum of sqrt(p q)). It orders pairs nearly as the Jensen-Shannon
    distance does and also lies in [0, 1], but takes one matrix product for all pairs instead of logarithms for each.

    Raises ConfigError for a block without a map and where `clusters` is not from 1 to N.
    """
    # Takes half a second to import, and everything that writes results imports this module.
    from scipy.cluster.hierarchy import fcluster, leaves_list, linkage, optimal_leaf_ordering
    from scipy.spatial.distance import squareform

    count = trace.record(block).latents
    clusters = whole_number("clusters", clusters, 1, count)
    if count == 1:
        return LatentClusters(np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64), np.zeros((0, 4)))
    roots = trace.latent_maps(block, slice(0, count), head=head).sqrt_()
    shared = torch.zeros(count, count, dtype=torch.float64)
    for start in range(0, roots.shape[1], ROWS):
        # For nearly equal maps single precision would leave only rounding errors.
        part = roots[:, start : start + ROWS].double()
        shared += part @ part.T
    own = shared.diagonal().sqrt()
    distance = (1 - shared / (own[:, None] * own)).clamp_min(0).sqrt().numpy()
    condensed = squareform((distance + distance.T) / 2, checks=False)
    tree = optimal_leaf_ordering(linkage(condensed, "average"), condensed)
    found = fcluster(tree, clusters, "maxclust") - 1
    # Numbered by size; ties by position in the tree.
    order = leaves_list(tree).astype(np.int64)
    sizes = np.bincount(found)
    first = [int(np.flatnonzero(found[order] == c)[0]) for c in range(len(sizes))]
    rank = np.argsort(sorted(range(len(sizes)), key=lambda c: (-sizes[c], first[c])))
    return LatentClusters(order, rank[found].astype(np.int64), tree)


def concentration(trace: Trace, block: int, head: int | None = None) -> Concentration:
    """Concentration of the maps of a block's latents. Raises ConfigError for a block without a map."""
    entropy = trace.concentration(block, head=head).numpy()
    return Concentration(entropy, np.exp(entropy))


def movement(trace: Trace, head: int | None = None) -> Movement:
    """Divergence of every latent's maps from block to block; no steps for a single map."""
    steps = tuple(zip(trace.blocks, trace.blocks[1:], strict=False))
    moved = [latent_divergences(trace, trace, before, other=after, head=head) for before, after in steps]
    count = trace.record(trace.blocks[0]).latents
    return Movement(steps, np.stack(moved) if moved else np.zeros((0, count)))


@dataclass(frozen=True)
class LatentGroup:
    """The latents of one cluster.

    latents    the most concentrated first
    map        the mean of their maps, in the shape of the input
    effective  effective number of elements, median over the latents
    """

    latents: Int64[np.ndarray, "n"]
    map: Float[np.ndarray, "*shape"]
    effective: float


def latent_groups(trace: Trace, block: int, clusters: int = 4, head: int | None = None) -> tuple[LatentGroup, ...]:
    """The clusters of a block's latents as `cluster_latents` finds them, with their mean maps, the largest first.

    clusters  at most; fewer for a block with fewer latents

    Raises ConfigError for a block without a map.
    """
    found = cluster_latents(trace, block, min(clusters, trace.record(block).latents), head)
    narrow = concentration(trace, block, head)
    count = len(found.sizes)
    sums = np.zeros((count, trace.elements))
    step = max(1, AT_A_TIME // trace.elements)
    for start in range(0, len(found.cluster), step):
        part = slice(start, min(start + step, len(found.cluster)))
        belongs = found.cluster[None, part] == np.arange(count)[:, None]
        sums += belongs @ trace.latent_maps(block, part, head=head).numpy().astype(np.float64)
    order = narrow.order
    members = [order[found.cluster[order] == i] for i in range(count)]
    return tuple(
        LatentGroup(its, (total / len(its)).reshape(trace.shape), float(np.median(narrow.effective[its])))
        for its, total in zip(members, sums, strict=True)
    )


THUMBNAIL = 64
"""Maximum side of a thumbnail in cells; twice that for inputs with a single axis."""

PART = {1: (64,), 3: (4, 16, 16)}
"""Maximum sides of the thumbnail of one part among several, in cells, by its number of axes."""


def thumbnail_square(sample: Sample) -> int:
    """The number of elements along a side of the squares averaged into one cell of a thumbnail; 1 for free elements,
    whose neighbours in order are not neighbours in space, and for those of several parts (`thumbnail_sides`)."""
    if sample.coordinates is not None or sample.parts:
        return 1
    return -(-max(sample.shape) // (THUMBNAIL if len(sample.shape) > 1 else 2 * THUMBNAIL))


def thumbnail_sides(part: Part) -> tuple[int, ...]:
    """The number of elements along each side of the boxes averaged into one cell of the thumbnail of a part."""
    most = PART.get(len(part.shape), (THUMBNAIL,) * len(part.shape))
    return tuple(-(-n // limit) for n, limit in zip(part.shape, most, strict=True))


def latent_thumbnails(
    trace: Trace,
    block: int,
    square: int,
    *,
    parts: tuple[Part, ...] = (),
    kind: Kind = "probability",
    head: int | None = None,
) -> Float[np.ndarray, "N ..."]:
    """The maps of all latents of a block, averaged over squares of elements.

    square  elements along a side, as `thumbnail_square` gives it
    parts   of an input with several; its thumbnails are those of all parts (`thumbnail_sides`) in their order, flat
    """
    count = trace.record(block).latents
    step = max(1, AT_A_TIME // trace.elements)
    out = []
    for start in range(0, count, step):
        part = trace.latent_maps(block, slice(start, min(start + step, count)), kind=kind, head=head)
        maps = part.numpy().reshape(-1, *trace.shape)
        out.append(_part_thumbnails(maps, parts) if parts else averaged(maps, square))
    return np.concatenate(out)


def _part_thumbnails(maps: Float[np.ndarray, "n M"], parts: tuple[Part, ...]) -> Float[np.ndarray, "n cells"]:
    by_name = split(parts, maps)
    small = [averaged(by_name[part.name], thumbnail_sides(part)).reshape(len(maps), -1) for part in parts]
    return np.concatenate(small, axis=1)


def averaged(maps: Float[np.ndarray, "n ..."], side: int | Sequence[int]) -> Float[np.ndarray, "n ..."]:
    """Means over boxes of elements, `side` along each axis, or one number for each; boxes at the far ends may be
    smaller."""
    sides = (side,) * (maps.ndim - 1) if isinstance(side, int) else side
    for axis, side in enumerate(sides, 1):
        if side == 1:
            continue
        starts = np.arange(0, maps.shape[axis], side)
        sizes = np.diff([*starts, maps.shape[axis]]).astype(maps.dtype)
        sizes = sizes.reshape([-1 if i == axis else 1 for i in range(maps.ndim)])
        maps = np.add.reduceat(maps, starts, axis=axis) / sizes
    return maps


@dataclass(frozen=True)
class ElementReader:
    """A latent of a block that attends to an element, or to a region.

    weight    its attention weight on the element, or on all elements of the region together
    multiple  the weight divided by that of uniform attention: 1 / M on each element
    """

    block: int
    latent: int
    weight: float
    multiple: float


def element_readers(
    trace: Trace, element: int, *, head: int | None = None, top: int = 8, block: int | None = None
) -> tuple[ElementReader, ...]:
    """The latents with the largest attention weights on one input element, of one block or of all, largest first.

    Raises ConfigError for an element or a head that does not exist, and for a block without a map.
    """
    whole_number("top", top, 1)
    blocks = trace.blocks if block is None else (block,)
    weights = np.stack([trace.element_weights(one, element, head=head).numpy() for one in blocks])
    strongest = np.argsort(-weights, axis=None, kind="stable")[:top].tolist()
    size = trace.elements
    return tuple(
        ElementReader(blocks[row], latent, float(weights[row, latent]), float(weights[row, latent]) * size)
        for row, latent in (divmod(place, weights.shape[1]) for place in strongest)
    )


@dataclass(frozen=True)
class LatentAnalysis:
    """Clusters, concentration and movement of the latents of a block.

    head      one head; None is the mean over heads
    movement  of all blocks
    """

    block: int
    head: int | None
    clusters: LatentClusters
    concentration: Concentration
    movement: Movement

    def __repr__(self) -> str:
        sizes = ", ".join(map(str, self.clusters.sizes))
        return f"LatentAnalysis(block {self.block}: {len(self.clusters.order)} latents in clusters of {sizes})"

    def _repr_html_(self) -> str:
        """The clusters as a table."""
        rows = []
        for i, size in enumerate(self.clusters.sizes):
            members = self.clusters.members(i)
            named = ", ".join(map(str, members[:NAMED].tolist())) + (", ..." if size > NAMED else "")
            rows.append([str(i), str(size), number(float(np.median(self.concentration.effective[members]))), named])
        heads = ["cluster", "size", "effective elements, median", "latents"]
        return titled_table(f"Clusters of the latents of block {self.block} by their maps", rows, heads)

    @property
    def steps(self) -> tuple[tuple[tuple[int, int], Float64[np.ndarray, "N"]], ...]:
        """The steps to and from this block: (from, to) and the divergence of every latent."""
        every = zip(self.movement.steps, self.movement.divergence, strict=True)
        return tuple((step, moved) for step, moved in every if self.block in step)


def analyse_latents(
    trace: Trace, block: int | None = None, clusters: int = 4, head: int | None = None
) -> LatentAnalysis:
    """Clusters, concentration and movement of the latents of a block; None is the last with a cross-attention.

    Raises as `cluster_latents` does.
    """
    chosen = trace.blocks[-1] if block is None else trace.record(block).block
    return LatentAnalysis(
        block=chosen,
        head=None if head is None else index_of("head", head, trace.record(chosen).heads),
        clusters=cluster_latents(trace, chosen, clusters, head),
        concentration=concentration(trace, chosen, head),
        movement=movement(trace, head),
    )
