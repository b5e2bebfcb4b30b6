"""Sweeps: many ablations of one input, each band alone and all bands up to a cut-off.

One backward pass first gives a first-order estimate of all of them; exact logits follow in batches, so that a sweep can
show its progress and be stopped.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from ..errors import ConfigError
from ..model import Perceiver
from ..notebook import titled_table
from ..positions import Band, Positions, Rows
from ..progress import ProgressCallback, ignore
from ..sample import Sample
from .ablation import Ablation, bands, by_place
from .batches import check_identity, run_identity, together
from .change import log_softmax, softmax
from .formatting import number
from .methods import Fill
from .target_class import chosen_class

SHOWN = 8
"""Ablations that a notebook shows."""

MOST = 64
"""Maximum number of ablations in a batch whose size is given in seconds."""

Family = Literal["single", "low_pass", "high_pass"]
Part = Literal["single", "cumulative"]


@dataclass(frozen=True)
class Curve:
    """Ablations along the bands, lowest first.

    family       "single": removes each band alone, on `axis`; "low_pass": removes the bands from here upwards, on all
                 axes; "high_pass": removes the bands up to here
    axis         of single bands; None for curves over all axes
    ablations    one per band
    frequencies  of the bands in cycles across the axis; of the first axis for curves over all axes
    """

    family: Family
    axis: int | None
    ablations: tuple[Ablation, ...]
    frequencies: tuple[float, ...]


def curves(encoding: Positions, fill: Fill = "zero", seed: int = 0) -> tuple[Curve, ...]:
    """Curves of single bands for every axis, then cumulative low-pass and high-pass; none if there are no bands."""
    return _curves(encoding.bands(), fill, seed)


@lru_cache(maxsize=8)
def _curves(every: tuple[Band, ...], fill: Fill, seed: int) -> tuple[Curve, ...]:
    axes = sorted({band.axis for band in every})
    by_axis = {axis: [band for band in every if band.axis == axis] for axis in axes}
    out = [
        Curve(
            "single",
            axis,
            tuple(bands([band]).filled(fill, seed) for band in by_axis[axis]),
            tuple(band.frequency for band in by_axis[axis]),
        )
        for axis in axes
    ]
    if axes:
        first = by_axis[axes[0]]
        frequencies = tuple(band.frequency for band in first)
        lows = tuple(bands(b for b in every if b.index >= k.index).filled(fill, seed) for k in first)
        highs = tuple(bands(b for b in every if b.index <= k.index).filled(fill, seed) for k in first)
        out += [Curve("low_pass", None, lows, frequencies), Curve("high_pass", None, highs, frequencies)]
    return tuple(out)


@dataclass(frozen=True)
class Estimate:
    """The logits without ablation, and estimated changes of one class's logit.

    target   the class
    logits   without ablation
    changes  one per ablation
    """

    target: int
    logits: Float[np.ndarray, "classes"]
    changes: Float64[np.ndarray, "n"]


@dataclass(frozen=True)
class _Slope:
    """A class's logit, and its gradient with respect to the position encoding."""

    target: int
    logits: Float[Tensor, "classes"]
    codes: Float[Tensor, "1 M P"]
    gradient: Float[Tensor, "1 M P"]
    _parts: dict[tuple[Fill, int, Rows], Float64[np.ndarray, "P"]] = field(default_factory=dict)

    @classmethod
    def of(cls, model: Perceiver, sample: Sample, target: int | None) -> _Slope:
        codes = model.codes(sample).detach().requires_grad_()
        with torch.enable_grad():
            logits = model(model.inputs(sample, codes))[0]
            chosen = chosen_class(logits, target)
            (gradient,) = torch.autograd.grad(logits[chosen], codes)
        return cls(chosen, logits.detach(), codes.detach(), gradient)

    def parts(self, ablation: Ablation, rows: Rows = None) -> Float64[np.ndarray, "P"]:
        """First-order change of the logit for each channel, when the ablation replaces it in some elements. It does not
        depend on the other channels."""
        key = ablation.fill, ablation.seed, rows
        if key not in self._parts:
            of = slice(None) if rows is None else slice(*rows)
            codes, gradient = self.codes[:, of], self.gradient[:, of]
            moved = ablation.filling(codes) - codes
            self._parts[key] = (gradient * moved).sum((0, 1), dtype=torch.float64).numpy()
        return self._parts[key]

    def changes(self, ablations: Sequence[Ablation], encoding: Positions) -> Float64[np.ndarray, "n"]:
        """First-order changes of the logit."""
        known, width = by_place(encoding), self.codes.shape[-1]
        found = [
            sum(self.parts(one, rows)[channel] for rows, channel in one.columns(encoding, width, known))
            for one in ablations
        ]
        return np.array(found, dtype=np.float64)

    def removed(
        self, ablations: Sequence[Ablation], encoding: Positions
    ) -> tuple[Float64[np.ndarray, "n"], Float64[np.ndarray, "n"]]:
        """First-order changes for ablations of whole bands, and the sums of the magnitudes of the bands' changes."""
        known, first = by_place(encoding), ablations[0]
        parts = {axis: self.parts(first, encoding.rows(axis)) for axis, _ in known}
        alone = np.array([parts[axis][band.sine] + parts[axis][band.cosine] for (axis, _), band in known.items()])
        gone = np.array([[place in one.sines for place in known] for one in ablations], dtype=np.float64)
        return gone @ alone, gone @ np.abs(alone)


def estimate(model: Perceiver, sample: Sample, ablations: Sequence[Ablation], target: int | None = None) -> Estimate:
    """First-order changes of a class's logit, all from one backward pass: the gradient with respect to the position
    encoding times the change of the encoding.

    target  the class; None is the most probable one

    Raises ConfigError when the encoding has no such band, or the model no such class.
    """
    slope = _Slope.of(model, sample, target)
    return Estimate(slope.target, slope.logits.numpy(), slope.changes(ablations, model.encoding))


def estimate_curves(model: Perceiver, sample: Sample, curves: Sequence[Curve], target: int | None = None) -> Estimate:
    """`estimate` for all ablations of some curves, in order; cumulative curves are corrected to end at the exact value.

    A first-order estimate is only accurate for small changes: the sum over many bands is too large or too small. One
    more forward pass gives the logit without any band, and the error of the sum is distributed over the bands in
    proportion to the magnitude of their first-order changes.

    Raises as `estimate` does.
    """
    slope = _Slope.of(model, sample, target)
    exact: dict[Ablation, float] = {}
    out = [np.zeros(0)]
    for curve in curves:
        if curve.family == "single":
            out.append(slope.changes(curve.ablations, model.encoding))
            continue
        changes, sizes = slope.removed(curve.ablations, model.encoding)
        end = max(range(len(sizes)), key=lambda i: len(curve.ablations[i].sines))
        if (all_gone := curve.ablations[end]) not in exact:
            with torch.no_grad():
                after = model(model.inputs(sample, all_gone.apply(slope.codes, model.encoding)))[0]
            exact[all_gone] = float(after[slope.target] - slope.logits[slope.target])
        missed = exact[all_gone] - changes[end]
        out.append(changes + missed * sizes / max(sizes[end], np.finfo(sizes.dtype).tiny))
    return Estimate(slope.target, slope.logits.numpy(), np.concatenate(out))


def answers(
    model: Perceiver, sample: Sample, ablations: Sequence[Ablation], *, at_a_time: int | None = None
) -> Iterator[Float[np.ndarray, "batch classes"]]:
    """Yields the exact logits after each ablation, in order, one batch at a time.

    at_a_time  ablations per batch; None is the number given by `batches.together`

    Raises ConfigError when the encoding has no such band.
    """
    codes = model.codes(sample).detach()
    step = at_a_time or together(model, codes.shape[1])
    content = model.content(sample)
    for start in range(0, len(ablations), step):
        batch = torch.cat([ablation.apply(codes, model.encoding) for ablation in ablations[start : start + step]])
        with torch.no_grad():
            logits = model(model.joined(content.expand(len(batch), -1, -1), batch))
        yield logits.numpy()


@dataclass(frozen=True)
class Sweep:
    """The estimated and exact effects of all ablations of some curves; exact values may be incomplete.

    curves     define the order of the ablations
    target     the class whose logit was estimated
    before     logits without ablation
    estimates  changes of the target's logit, one per ablation
    after      exact logits; NaN if not computed yet
    each       seconds per ablation in the last batch; 0 before the first
    identity   of the model and the input, as `run_identity` gives it
    """

    curves: tuple[Curve, ...]
    target: int
    before: Float[np.ndarray, "classes"]
    estimates: Float64[np.ndarray, "n"]
    after: Float[np.ndarray, "n classes"]
    each: float = 0.0
    identity: str = field(default="", repr=False)

    def __repr__(self) -> str:
        return f"Sweep(class {self.target}: {self.known} of {self.total} ablations computed)"

    def _repr_html_(self) -> str:
        """The ablations that change the logit most, as a table."""
        removed = {"single": "this band", "low_pass": "this band and all above", "high_pass": "this band and all below"}
        places = [(curve, k) for curve in self.curves for k in range(len(curve.ablations))]
        exact = self.logits()
        order = np.argsort(-np.abs(np.where(np.isnan(exact), self.estimates, exact)), kind="stable")[:SHOWN]
        rows = []
        for i in order.tolist():
            curve, k = places[i]
            axis = "all axes" if curve.axis is None else f"axis {curve.axis}"
            change = "not computed" if np.isnan(exact[i]) else number(exact[i])
            rows.append([removed[curve.family], axis, number(curve.frequencies[k]), number(self.estimates[i]), change])
        title = f"Largest changes of the logit of class {self.target}; {self.known} of {self.total} ablations computed"
        return titled_table(title, rows, ["removed", "", "cycles", "estimated change", "exact change"])

    @property
    def known(self) -> int:
        """The number of ablations with exact logits."""
        return int((~np.isnan(self.after[:, 0])).sum())

    @property
    def total(self) -> int:
        """The number of ablations."""
        return len(self.after)

    @property
    def done(self) -> bool:
        """Whether all exact logits are computed."""
        return self.known >= self.total

    @property
    def seconds_left(self) -> float:
        """The estimated time for the remaining ablations."""
        return self.each * (self.total - self.known)

    def logits(self, target: int | None = None) -> Float64[np.ndarray, "n"]:
        """Exact changes of a class's logit; None is the estimated class."""
        chosen = self.target if target is None else target
        return self.after[:, chosen].astype(np.float64) - self.before[chosen]

    def probabilities(self, target: int | None = None) -> Float64[np.ndarray, "n"]:
        """Exact changes of a class's probability; None is the estimated class."""
        chosen = self.target if target is None else target
        return softmax(self.after)[:, chosen] - softmax(self.before)[chosen]

    def kl(self) -> Float64[np.ndarray, "n"]:
        """KL divergences of the predictions after from the prediction before, as in `AnswerChange.kl`."""
        before, after = log_softmax(self.before), log_softmax(self.after)
        return np.maximum((np.exp(before) * (before - after)).sum(-1), 0.0)

    def rho(self, part: Part) -> float:
        """Rank correlation of estimated changes and the exact changes computed so far: `agreement`."""
        return agreement(self.curves, self.estimates, self.logits())[part]


def steps(
    model: Perceiver,
    sample: Sample,
    curves: Sequence[Curve],
    target: int | None = None,
    *,
    at_a_time: int | None = None,
    seconds: float | None = None,
    resume: Sweep | None = None,
    progress: ProgressCallback = ignore,
) -> Iterator[Sweep]:
    """Runs a sweep and yields intermediate results: first the estimates, then one result per batch of exact logits.

    target     the class whose logit is estimated; None is the most probable one
    at_a_time  batch size, as in `answers`
    seconds    time per yielded result, used instead of `at_a_time` to choose the number of ablations; the first result
               has one ablation if `resume` has no timing
    resume     an unfinished sweep of the same curves, for this or another class: its exact logits are kept

    The sweep can be stopped after any result and continued with that result as `resume`.

    Raises as `estimate` does, and ConfigError if `resume` is of other curves, another model or another input.
    """
    identity = run_identity(model, sample)
    if resume is not None:
        if resume.curves != tuple(curves):
            raise ConfigError("only a sweep of the same curves can be resumed")
        check_identity(resume.identity, identity, "a sweep")
    total = sum(len(curve.ablations) for curve in curves)
    if resume is not None and resume.target == target:
        sweep = resume
    else:
        progress(0.0, "Estimating the effect of every frequency")
        made = estimate_curves(model, sample, curves, target)
        after = np.full((total, len(made.logits)), np.nan, dtype=np.float32) if resume is None else resume.after
        each = 0.0 if resume is None else resume.each
        sweep = Sweep(tuple(curves), made.target, made.logits, made.changes, after, each, identity)
    yield sweep
    left = [one for curve in curves for one in curve.ablations][sweep.known :]
    done = sweep.known
    while left:
        count = int(np.clip(seconds / sweep.each if sweep.each else 1, 1, MOST)) if seconds else len(left)
        began, first = time.monotonic(), done
        batch, left = left[:count], left[count:]
        for part in answers(model, sample, batch, at_a_time=at_a_time):
            after = sweep.after.copy()
            after[done : done + len(part)] = part
            done += len(part)
            sweep = replace(sweep, after=after, each=(time.monotonic() - began) / (done - first))
            progress(done / total, f"Running the model without each frequency: {done} of {total}")
            if not seconds:
                yield sweep
                began, first = time.monotonic(), done
        if seconds:
            yield sweep


def agreement(
    curves: Sequence[Curve], estimates: Float64[np.ndarray, "n"], exact: Float64[np.ndarray, "n"]
) -> dict[Part, float]:
    """Spearman's rho of estimated and exact changes, separately for single bands and cumulative curves, because these
    are estimated in different ways.

    exact  NaN values are not known yet and left out
    """
    alone = np.array([curve.family == "single" for curve in curves for _ in curve.ablations], dtype=bool)
    known = ~np.isnan(exact)
    return {
        "single": spearman(estimates[alone & known], exact[alone & known]),
        "cumulative": spearman(estimates[~alone & known], exact[~alone & known]),
    }


def spearman(one: Float[np.ndarray, "n"], other: Float[np.ndarray, "n"]) -> float:
    """Spearman's rank correlation; NaN if one of the two is constant."""
    # Takes a second to import, and everything that writes results imports this module.
    from scipy.stats import spearmanr

    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(spearmanr(one, other).statistic)
