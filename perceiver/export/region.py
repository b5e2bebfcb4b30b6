"""Export of the attention weight in a region, and of profiles of maps along their axes, as JSON and CSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO
from typing import Any

from ..analysis.region import Profile, RegionShares
from ..analysis.summary import WEIGHTS, Quantity
from .origin import Origin


def region_json(shares: RegionShares, region: str, origin: Origin, *, head: int | None = None) -> dict[str, Any]:
    """The shares of a region as plain values for JSON; blocks and latents are counted from 0.

    region  as text
    head    the head of the weights; None is the mean over heads
    """
    blocks = [
        {"block": block, "share": float(share), "multiple": float(share) / shares.uniform, "latents": its.tolist()}
        for block, share, its in zip(shares.blocks, shares.shares, shares.latents, strict=True)
    ]
    about = {"region": region, "head": head, "elements": shares.elements, "of": shares.total}
    return origin.to_dict() | about | {"uniform": shares.uniform, "blocks": blocks}


def region_csv(shares: RegionShares) -> str:
    """The shares of a region as CSV: block, latent, share, uniform, multiple; blocks and latents are counted from 1.

    The first line of each block, without a latent, is the mean over its latents.
    """
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["block", "latent", "share", "uniform", "multiple"])
    for block, mean, its in zip(shares.blocks, shares.shares, shares.latents, strict=True):
        lines: list[tuple[int | str, float]] = [("", float(mean)), *enumerate(its.tolist(), 1)]
        writer.writerows([block + 1, latent, share, shares.uniform, share / shares.uniform] for latent, share in lines)
    return out.getvalue()


def profiles_csv(profiles: Sequence[Profile], blocks: Sequence[int], what: Quantity) -> str:
    """Profiles of the maps of some blocks as CSV: block, axis, place, value, uniform; blocks are counted from 1.

    place    the centre of a cell of the axis, in the units of the input's places
    value    of weights the sum over the other axes, of other quantities the mean
    uniform  the sum that uniform attention weights have; empty for other quantities
    """
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["block", "axis", "place", "value", "uniform"])
    for one in profiles:
        values = one.sums if what in WEIGHTS else one.means
        uniform = one.uniform if what == "probability" else ""
        for block, row in zip(blocks, values, strict=True):
            writer.writerows(
                [block + 1, one.axis, place, value, uniform]
                for place, value in zip(one.places.tolist(), row.tolist(), strict=True)
            )
    return out.getvalue()
