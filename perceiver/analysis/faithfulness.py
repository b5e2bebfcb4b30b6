"""Deletion and insertion tests: elements are removed from the input, or added to it, in the order of a map.

A Perceiver accepts any set of elements, so an element is removed by dropping its row of the input array; no
out-of-distribution value has to replace it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Float64, Int, Int64
from torch import Tensor

from ..errors import ConfigError
from ..model import Perceiver
from ..sample import Sample
from .batches import together
from .methods import Removal
from .target_class import chosen_class


@dataclass(frozen=True)
class PerturbationCurve:
    """The probability of a class against the share of changed elements.

    shares         share of the elements changed so far, ascending; at least one element stays in the input
    probabilities  of the class
    """

    shares: Float64[np.ndarray, "k"]
    probabilities: Float64[np.ndarray, "k"]

    @property
    def area(self) -> float:
        """The area under the curve over its range, by the trapezoidal rule: 0 to 1."""
        wide = self.shares[-1] - self.shares[0]
        return float(np.trapezoid(self.probabilities, self.shares) / wide)


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

    Raises ConfigError for a class that does not exist and for "blank" without content, ValueError if the number of
    values is not the number of elements.
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
    total = math.prod(sample.shape)
    mixed = np.random.default_rng(seed).permutation(total)
    orders = []
    for values in maps.values():
        flat = np.asarray(values, dtype=np.float64).ravel()
        if flat.size != total:
            raise ValueError(f"{flat.size} values for {total} elements")
        orders.append(mixed[np.argsort(-flat[mixed], kind="stable")])
    chosen, deletion, insertion = _along(model, sample, orders, target, steps, how)
    return {name: Faithfulness(chosen, deletion(i), insertion(i)) for i, name in enumerate(maps)}


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
    orders = [np.random.default_rng(seed).permutation(math.prod(sample.shape)) for seed in range(seeds)]
    chosen, deletion, insertion = _along(model, sample, orders, target, steps, how)
    every = range(seeds)
    return Faithfulness(chosen, deletion(*every), insertion(*every))


def shares(total: int, steps: int) -> Int64[np.ndarray, "k"]:
    """The number of changed elements at each point: from none to all, with quadratic spacing."""
    return np.unique(np.rint(total * (np.arange(steps + 1) / steps) ** 2).astype(np.int64))


@torch.no_grad()
def _along(
    model: Perceiver,
    sample: Sample,
    orders: Sequence[Int64[np.ndarray, "M"]],
    target: int | None,
    steps: int,
    how: Removal,
) -> tuple[int, Callable[..., PerturbationCurve], Callable[..., PerturbationCurve]]:
    """The class, and two functions that return the deletion and insertion curves averaged over orders by index."""
    inputs = model.inputs(sample)
    total, blank = inputs.shape[1], None
    if how == "blank":
        if sample.content.shape[1] == 0:
            raise ConfigError("these elements are places alone; there is no content that could be blanked")
        blank = model.input_array(torch.zeros_like(sample.content)[None], model.codes(sample))
    chosen = chosen_class(model(inputs)[0], target)
    counts = shares(total, steps)
    ranked = torch.from_numpy(np.stack(orders))
    gone = np.unique(counts.clip(max=total - 1))
    come = np.unique(counts.clip(min=1))
    deletion = np.stack([_probabilities(model, inputs, blank, ranked[:, count:], chosen) for count in gone.tolist()])
    insertion = np.stack([_probabilities(model, inputs, blank, ranked[:, :count], chosen) for count in come.tolist()])

    def course(
        counted: Int64[np.ndarray, "k"], found: Float64[np.ndarray, "k orders"], *named: int
    ) -> PerturbationCurve:
        return PerturbationCurve(counted / total, found[:, list(named)].mean(1))

    return chosen, partial(course, gone, deletion), partial(course, come, insertion)


def _probabilities(
    model: Perceiver,
    inputs: Float[Tensor, "1 M C"],
    blank: Float[Tensor, "1 M C"] | None,
    kept: Int[Tensor, "orders k"],
    target: int,
) -> Float64[np.ndarray, "orders"]:
    """The probability of a class when only some elements are kept, for several sets of elements."""
    found = []
    for part in kept.split(together(model, inputs.shape[1])):
        array = inputs[0][part]
        if blank is not None:
            array = blank.repeat(len(part), 1, 1).scatter_(1, part[..., None].expand_as(array), array)
        found.append(model(array).softmax(-1)[:, target])
    return torch.cat(found).double().numpy()
