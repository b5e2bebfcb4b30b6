"""Spectra of attention maps: their energy at the frequencies of the position encoding, and their periodicity.

In the paper, maps of models with Fourier features look like tartan (section 4.1, figures 3 and 7 to 12), and maps of
models with learned positions do not (figures 13 to 15). Apart from the layer norm of the input, a score is linear in
the position encoding, so a band f of axis a adds energy at frequency f along that axis. Any map also has energy at
these frequencies, more at lower ones, so every band is compared with a matched baseline: frequencies halfway to its
neighbours on the same axis, which the encoding does not contain.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64
from scipy.fft import fftfreq, fftn, fftshift
from torch import Tensor

from ..config import PerceiverConfig
from ..errors import ConfigError
from ..notebook import titled_table
from ..positions import Band, SegmentConfig, frequencies
from ..progress import ProgressCallback, ignore
from ..trace import KINDS, Kind, Trace
from ..validation import check_choice, index_of
from .band_baseline import BandMatch, Baseline, Free, OnGrid, match_bands
from .formatting import number, percent
from .regularity import few, repeats

CELLS = 32
"""Cells along each axis of the grid that free elements are binned into."""

REFERENCE_BANDS = 16

FLAT = 1e-5
"""Spread, as a share of its largest value, below which a map is flat up to rounding."""

ROUNDING = 1e-10
"""Share of a map's energy that is rounding error of single precision."""

AT_A_TIME = 2_000_000
"""Values of maps held at a time: 16 MB in double precision, and some copies."""


@dataclass(frozen=True)
class Spectrum:
    """The spatial spectrum of one block's maps, mean over latents, each map normalised to unit energy.

    part         the segment of the input that it is of, such as "video"; None where the input has no segments
    energy       power over the frequencies, axes as the input's, zero frequency in the middle and set to 0; sum 1
    frequencies  along each axis of `energy`, in cycles across it
    at_bands     share of the energy at the bands' own frequencies, along the axes
    baseline     share of the energy at the matched baseline, with as many frequencies
    matched      the kind of baseline: "between" neighbouring bands; "turned": the same frequencies in other directions,
                 for bands that are too close together; "none" if neither is possible
    regularity   periodicity of the maps after subtracting their local mean, 0 to 1; NaN if the elements are too sparse,
                 as in most point clouds
    resolved     number of the `bands` that could be measured: without bands of one cycle, and without aliases that
                 coincide with other bands
    estimated    whether the elements are not on a grid: `energy` and `regularity` are then measured on a grid of cell
                 means, and the shares at the elements' own positions by least squares, because frequencies are not
                 orthogonal there
    """

    block: int
    energy: Float64[np.ndarray, "*frequencies"]
    frequencies: tuple[Float64[np.ndarray, "_"], ...]
    at_bands: float
    baseline: float
    matched: Baseline
    regularity: float
    resolved: int
    bands: int
    estimated: bool
    part: str | None = None

    def __repr__(self) -> str:
        where = f"block {self.block}" if self.part is None else f"block {self.block}, {self.part}"
        return f"Spectrum({where}: ratio {number(self.ratio)}, regularity {number(self.regularity)})"

    def _repr_html_(self) -> str:
        """The energy at the bands as a table."""
        rows = [
            ["energy at the bands", percent(self.at_bands)],
            ["energy at the baseline", percent(self.baseline)],
            ["ratio", number(self.ratio)],
            ["regularity", number(self.regularity)],
            ["bands measured", f"{self.resolved} of {self.bands}"],
        ]
        of = "" if self.part is None else f", {self.part}"
        return titled_table(f"Spectrum of the maps of block {self.block}{of}", rows)

    @property
    def ratio(self) -> float:
        """Energy at the bands over that of the baseline: 1 means no trace of the encoding. NaN without a baseline, or
        if all measured energy is rounding error."""
        return self.at_bands / self.baseline if self.baseline > ROUNDING else math.nan


def reference_bands(config: PerceiverConfig) -> tuple[Band, ...]:
    """Bands for encodings without bands, so that models can be compared: those of Fourier features up to the grid's
    Nyquist frequency (section 3.2). Free elements count as a grid with the same number of elements."""
    side = round(config.num_inputs ** (1 / config.num_axes))
    sizes = config.input_shape if config.position_axes is None else (side,) * config.num_axes
    if config.segments:
        sizes = tuple(n for segment in config.segments if segment.positions for n in segment.shape)
    return tuple(
        Band(axis, k, float(f), sine=-1, cosine=-1)
        for axis, size in enumerate(sizes)
        for k, f in enumerate(frequencies(REFERENCE_BANDS, max(2.0, float(size))))
    )


def spectra(
    trace: Trace,
    bands: Sequence[Band],
    coordinates: Float[Tensor, "M axes"] | None,
    *,
    segments: Sequence[SegmentConfig] = (),
    kind: Kind = "score",
    head: int | None = None,
    progress: ProgressCallback = ignore,
) -> Iterator[Spectrum]:
    """The spectrum of every block's maps, block by block; of an input with segments, that of each segment with
    positions, whose elements lie on a grid of their own.

    bands        the bands whose frequencies are measured
    coordinates  of free elements, in [-1, 1]; None for a grid
    segments     of the model's configuration
    kind         "score" as in the paper's figures; after the softmax, frequencies mix

    Raises ConfigError for a kind or a head that does not exist, and for bands of axes that the input does not have.
    """
    check_choice("kind", kind, KINDS)
    if head is not None:
        index_of("head", head, trace.records[0].heads)
    grids = _grids(trace, bands, coordinates, segments)
    for i, block in enumerate(trace.blocks):
        progress(i / len(trace.blocks), f"Measuring the spectrum of block {block + 1}")
        count = trace.record(block).latents
        sums = [_Sums(grid, few(count, grid.shape)) for grid in grids]
        step = max(1, AT_A_TIME // max(trace.elements, *(math.prod(grid.shape) for grid in grids)))
        for start in range(0, count, step):
            maps = trace.latent_maps(block, slice(start, min(start + step, count)), kind=kind, head=head).double()
            for one in sums:
                one.add(maps[:, one.grid.rows], start)
        yield from (one.spectrum(block) for one in sums)


@dataclass(frozen=True)
class _Grid:
    """The grid on which the maps of an input, or of one of its segments, are measured.

    rows    of the elements in the input array
    shape   of the grid; of free elements, that of the cells
    cells   the cell of each free element; None on a grid
    wanted  the frequencies, and `measure` their energy
    bands   number of bands
    """

    part: str | None
    rows: slice
    shape: tuple[int, ...]
    cells: Float[Tensor, "M"] | None
    wanted: BandMatch
    measure: OnGrid | Free
    bands: int


def _grids(
    trace: Trace,
    bands: Sequence[Band],
    coordinates: Float[Tensor, "M axes"] | None,
    segments: Sequence[SegmentConfig],
) -> list[_Grid]:
    if coordinates is not None:
        shape = (CELLS,) * coordinates.shape[1]
        wanted = match_bands(bands, None, len(shape))
        measure = Free(wanted, coordinates)
        return [_Grid(None, slice(None), shape, _cells(coordinates), wanted, measure, len(bands))]
    parts: list[tuple[str | None, slice, tuple[int, ...]]] = [(None, slice(None), trace.shape)]
    if segments:
        ends = np.cumsum([segment.count for segment in segments]).tolist()
        parts = [
            (segment.name, slice(end - segment.count, end), segment.shape)
            for segment, end in zip(segments, ends, strict=True)
            if segment.positions
        ]
    out, first = [], 0
    for part, rows, shape in parts:
        own = [replace(b, axis=b.axis - first) for b in bands if first <= b.axis < first + len(shape)]
        wanted = match_bands(own, shape, len(shape))
        out.append(_Grid(part, rows, shape, None, wanted, OnGrid(wanted, shape), len(own)))
        first += len(shape)
    if any(band.axis >= first for band in bands):
        raise ConfigError(f"the bands are of more axes than the {first} of the input; clips have axes for each segment")
    return out


@dataclass
class _Sums:
    """What is measured of one block's maps on one grid, batch by batch.

    chosen  latents whose regularity is measured
    """

    grid: _Grid
    chosen: Int64[np.ndarray, "n"]
    energy: Float64[np.ndarray, "..."] = field(init=False)
    shares: list[Float64[np.ndarray, "n points"]] = field(default_factory=list)
    regular: list[Float64[np.ndarray, "n"]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.energy = np.zeros(self.grid.shape)

    def add(self, maps: Float64[Tensor, "n M"], start: int) -> None:
        """Adds the maps of the latents from `start` on."""
        varied, maps = _normalised(maps)
        if not varied.any():
            return
        laid, mask = _laid(maps, self.grid.shape, self.grid.cells)
        self.energy += _energy(laid)
        self.shares.append(self.grid.measure(maps))
        self.regular.append(repeats(laid[np.isin(start + np.flatnonzero(varied), self.chosen)], mask))

    def spectrum(self, block: int) -> Spectrum:
        grid, wanted = self.grid, self.grid.wanted
        at, base = wanted.shares(np.concatenate(self.shares).mean(0)) if self.shares else (math.nan, math.nan)
        size = self.energy.size
        return Spectrum(
            block=block,
            energy=self.energy / self.energy.sum() if self.energy.any() else np.full(grid.shape, 1 / size),
            frequencies=tuple(_along(n, grid.cells is not None) for n in grid.shape),
            at_bands=at,
            baseline=base,
            matched=wanted.matched,
            regularity=_mean(self.regular),
            resolved=wanted.resolved,
            bands=grid.bands,
            estimated=grid.cells is not None,
            part=grid.part,
        )


def _normalised(maps: Float64[Tensor, "n M"]) -> tuple[Bool[np.ndarray, "n"], Float64[Tensor, "varied M"]]:
    """Maps with their means subtracted, each normalised to length 1, without constant maps; which of them vary."""
    size = maps.abs().amax(1)
    maps = maps - maps.mean(1, keepdim=True)
    varied = maps.abs().amax(1) > FLAT * size
    maps = maps[varied]
    return varied.numpy(), maps / maps.norm(dim=1, keepdim=True)


def _mean(parts: Sequence[Float64[np.ndarray, "_"]]) -> float:
    """The mean over all values of some arrays; 0 without any."""
    numbers = np.concatenate([np.zeros(0), *parts])
    return float(numbers.mean()) if len(numbers) else 0.0


def _cells(places: Float[Tensor, "M axes"]) -> Float[Tensor, "M"]:
    """The cell of the grid over [-1, 1] that each free element falls into."""
    index = ((places.double() + 1) / 2 * CELLS).long().clamp(0, CELLS - 1)
    flat = torch.zeros(len(places), dtype=torch.long)
    for axis in range(places.shape[1]):
        flat = flat * CELLS + index[:, axis]
    return flat.double()


def _laid(
    maps: Float[Tensor, "n M"], shape: tuple[int, ...], cells: Float[Tensor, "M"] | None
) -> tuple[Float64[np.ndarray, "n *shape"], Float64[np.ndarray, "*shape"]]:
    """Maps on their grid, and the mask of cells that hold elements; for free elements the mean over each cell."""
    if cells is None:
        return maps.numpy().reshape(-1, *shape), np.ones(shape)
    index, size = cells.long(), math.prod(shape)
    held = torch.zeros(size, dtype=torch.float64).index_add_(0, index, torch.ones_like(cells))
    total = torch.zeros(len(maps), size, dtype=torch.float64).index_add_(1, index, maps)
    return (total / held.clamp_min(1)).numpy().reshape(-1, *shape), (held > 0).double().numpy().reshape(shape)


def _energy(laid: Float64[np.ndarray, "n *shape"]) -> Float64[np.ndarray, "*shape"]:
    """The sum of the maps' power spectra, zero frequency in the middle and set to 0."""
    axes = tuple(range(1, laid.ndim))
    power = (np.abs(fftn(laid, axes=axes)) ** 2).sum(0)
    power.flat[0] = 0.0
    return fftshift(power)


def _along(count: int, free: bool) -> Float64[np.ndarray, "n"]:
    """Frequencies of the Fourier transform's bins in cycles across the axis, zero in the middle."""
    bins = fftshift(fftfreq(count, 1 / count))
    return bins if free or count < 2 else bins * (count - 1) / count
