"""Deletion and insertion tests: elements are removed from the input, or added to it, in the order of a map.

A Perceiver accepts any set of elements, so an element is removed by dropping its row of the input array; no
out-of-distribution value has to replace it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64

from ..errors import ConfigError
from ..model import Perceiver
from ..notebook import titled_table
from ..progress import ProgressCallback, ignore, portion
from ..sample import Sample
from ..validation import check_choice, whole_number
from .batches import evaluate, together
from .formatting import number, percent
from .methods import REMOVALS, Removal
from .target_class import chosen_class

SHOWN = (0.05, 0.25, 0.5)
"""Shares of the elements at which a notebook shows the curves."""


@dataclass(frozen=True)
class PerturbationCurve:
    """The probability of a class against the share of changed elements.

    shares         share of the elements changed so far, ascending; at least one element stays in the input
    probabilities  of the class
    areas          of the curves of single orders, where the curve is a mean over several; else empty
    """

    shares: Float64[np.ndarray, "k"]
    probabilities: Float64[np.ndarray, "k"]
    areas: tuple[float, ...] = ()

    @property
    def area(self) -> float:
        """The area under the curve over its range, by the trapezoidal rule: 0 to 1."""
        return _area(self.shares, self.probabilities)


@dataclass(frozen=True)
class Faithfulness:
    """Deletion and insertion for one order of the elements.

    deletion   elements with the highest values are removed first: the lower the area, the more the prediction depends
               on them
    insertion  elements with the highest values are added first: the higher the area, the better they support the
               prediction alone
    """

    target: int
    deletion: PerturbationCurve
    insertion: PerturbationCurve

    def __repr__(self) -> str:
        areas = f"deletion {number(self.deletion.area)}, insertion {number(self.insertion.area)}"
        return f"Faithfulness(class {self.target}: {areas})"

    def _repr_html_(self) -> str:
        """The areas, and the probability at shares of the elements, as a table."""
        rows = [
            [
                name,
                number(curve.area),
                *(percent(float(np.interp(at, curve.shares, curve.probabilities))) for at in SHOWN),
            ]
            for name, curve in (("deletion", self.deletion), ("insertion", self.insertion))
        ]
        heads = ["", "area", *(f"{percent(share)} of the elements" for share in SHOWN)]
        return titled_table(f"Probability of class {self.target}", rows, heads)


def faithfulness(
    model: Perceiver,
    sample: Sample,
    values: Float[np.ndarray, "*shape"],
    target: int | None = None,
    *,
    steps: int = 20,
    how: Removal = "remove",
    seed: int = 0,
) -> Faithfulness:
    """Deletion and insertion along a map (Petsiuk et al. 2018), the elements with the highest values first.

    values  one per input element
    target  the class; None is the most probable one
    steps   number of points of the curves after the first; they are denser where few elements are changed
    how     "remove" drops elements from the input array; "blank" sets their content to 0 and keeps their position
    seed    of the order of elements with equal values

    Raises ConfigError for a class or a way of removing that does not exist, for "blank" without content, and for values
    that are not finite or not one per element.
    """
    return faithfulness_of_all(model, sample, {"": values}, target, steps=steps, how=how, seed=seed)[""]


def faithfulness_of_all(
    model: Perceiver,
    sample: Sample,
    maps: Mapping[str, Float[np.ndarray, "..."]],
    target: int | None = None,
    *,
    steps: int = 20,
    how: Removal = "remove",
    seed: int = 0,
) -> dict[str, Faithfulness]:
    """`faithfulness` of several maps of one input by name, in shared batches. Raises as it does."""
    if not maps:
        return {}
    *_, last = perturb(model, sample, map_orders(sample, maps, seed), target, steps=steps, how=how)
    return last.scores(maps)


def random_faithfulness(
    model: Perceiver,
    sample: Sample,
    target: int | None = None,
    *,
    seeds: int = 8,
    steps: int = 20,
    how: Removal = "remove",
) -> Faithfulness:
    """The mean of the curves over random orders: the score of an uninformative map."""
    *_, last = perturb(model, sample, random_orders(sample, seeds), target, steps=steps, how=how)
    return last.mean()


def map_orders(
    sample: Sample, maps: Mapping[str, Float[np.ndarray, "..."]], seed: int = 0
) -> list[Int64[np.ndarray, "M"]]:
    """The order of the elements along each map, highest values first; equal values in random order.

    Raises ConfigError for values that are not finite or not one per element.
    """
    total = math.prod(sample.shape)
    mixed = np.random.default_rng(seed).permutation(total)
    orders = []
    for values in maps.values():
        flat = np.asarray(values, dtype=np.float64).ravel()
        if flat.size != total:
            raise ConfigError(f"the map has {flat.size} values; this input has {total} elements")
        if not np.isfinite(flat).all():
            raise ConfigError("the map holds values that are not finite, which put the elements in no order")
        orders.append(mixed[np.argsort(-flat[mixed], kind="stable")])
    return orders


def random_orders(sample: Sample, seeds: int) -> list[Int64[np.ndarray, "M"]]:
    """Random orders of the elements, one per seed."""
    whole_number("seeds", seeds, 1)
    return [np.random.default_rng(seed).permutation(math.prod(sample.shape)) for seed in range(seeds)]


def shares(total: int, steps: int) -> Int64[np.ndarray, "k"]:
    """The number of changed elements at each point: from none to all, with quadratic spacing."""
    return np.unique(np.rint(total * (np.arange(steps + 1) / steps) ** 2).astype(np.int64))


def points(total: int, steps: int) -> tuple[Int64[np.ndarray, "gone"], Int64[np.ndarray, "come"]]:
    """The numbers of elements removed by deletion and added by insertion; one element always stays."""
    counts = shares(total, steps)
    return np.unique(counts.clip(max=total - 1)), np.unique(counts.clip(min=1))


@dataclass(frozen=True)
class Perturbations:
    """Deletion and insertion along several orders of the elements, possibly incomplete.

    target  the class
    total   M, the number of elements
    gone    numbers of removed elements, one per point of deletion
    come    numbers of added elements, one per point of insertion
    found   probabilities of the class: points of deletion, then of insertion, in computation order by row; NaN where
            they are not computed yet
    """

    target: int
    total: int
    gone: Int64[np.ndarray, "gone"]
    come: Int64[np.ndarray, "come"]
    found: Float64[np.ndarray, "points orders"]

    @classmethod
    def begun(cls, target: int, total: int, orders: int, steps: int, *, insertion: bool = True) -> Perturbations:
        """Those before any evaluation.

        orders     number of orders
        steps      number of points of the curves after the first
        insertion  whether elements are added, too; else there are no curves of insertion
        """
        gone, come = points(total, steps)
        come = come if insertion else come[:0]
        return cls(target, total, gone, come, np.full((len(gone) + len(come), orders), np.nan))

    @property
    def left(self) -> int:
        """The number of evaluations of the model that are left."""
        return int(np.isnan(self.found).sum())

    def scores(self, names: Sequence[str] | Mapping[str, object]) -> dict[str, Faithfulness]:
        """The score of every order, by name."""
        return {name: self._over(slice(i, i + 1)) for i, name in enumerate(names)}

    def mean(self) -> Faithfulness:
        """The score of the mean curves over all orders, with the areas of single orders."""
        return self._over(slice(None))

    def deletion(self, orders: slice) -> PerturbationCurve:
        """The mean deletion curve over some orders; over several of them with the area of each."""
        return self._curve(self.gone, self.found[: len(self.gone), orders])

    def _over(self, orders: slice) -> Faithfulness:
        insertion = self._curve(self.come, self.found[len(self.gone) :, orders])
        return Faithfulness(self.target, self.deletion(orders), insertion)

    def _curve(self, counts: Int64[np.ndarray, "k"], found: Float64[np.ndarray, "k orders"]) -> PerturbationCurve:
        changed = counts / self.total
        areas = tuple(_area(changed, one) for one in found.T) if found.shape[1] > 1 else ()
        return PerturbationCurve(changed, found.mean(1), areas)


@torch.no_grad()
def perturb(
    model: Perceiver,
    sample: Sample,
    orders: Sequence[Int64[np.ndarray, "M"]],
    target: int | None = None,
    *,
    steps: int = 20,
    how: Removal = "remove",
    resume: Perturbations | None = None,
    progress: ProgressCallback = ignore,
) -> Iterator[Perturbations]:
    """Deletion and insertion along orders of the elements; yields after every batch of evaluations of the model.

    resume  an unfinished result for the same input, orders, class and options, which is not computed again

    Other arguments and errors as for `faithfulness`.
    """
    check_choice("removal", how, REMOVALS)
    steps = whole_number("steps", steps, 1)
    words, inputs, blank = "Testing", model.inputs(sample), None
    if how == "blank":
        if sample.content.shape[1] == 0:
            raise ConfigError("these elements are places alone; there is no content that could be blanked")
        blank = model.input_array(torch.zeros_like(sample.content)[None], model.codes(sample))
    total, size = inputs.shape[1], together(model, inputs.shape[1])
    if resume is None:
        logits = torch.zeros(model.config.num_classes) if target is not None else model(inputs)[0]
        resume = Perturbations.begun(chosen_class(logits, target), total, len(orders), steps)
    state, ranked = resume, torch.from_numpy(np.stack(orders))
    kept = [ranked[:, count:] for count in state.gone.tolist()] + [ranked[:, :count] for count in state.come.tolist()]
    for point, first in np.ndindex(len(kept), -(-len(orders) // size)):
        part = slice(first * size, (first + 1) * size)
        if not np.isnan(state.found[point, part]).any():
            continue
        chosen = kept[point][part]
        array = inputs[0][chosen]
        if blank is not None:
            array = blank.repeat(len(chosen), 1, 1).scatter_(1, chosen[..., None].expand_as(array), array)
        done = state.found.size - state.left
        report = portion(progress, done / state.found.size, (done + len(chosen)) / state.found.size)
        logits = evaluate(model, array, lambda share, report=report: report(share, words))  # type: ignore[misc]
        found = state.found.copy()
        found[point, part] = logits.softmax(-1)[:, state.target].double().numpy()
        state = replace(state, found=found)
        yield state
    if resume.left == 0:
        yield state


def _area(changed: Float64[np.ndarray, "k"], probabilities: Float64[np.ndarray, "k"]) -> float:
    return float(np.trapezoid(probabilities, changed) / (changed[-1] - changed[0]))
