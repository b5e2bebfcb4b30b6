"""Explanations: maps of the input elements that a class depends on, by several methods, with faithfulness scores."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
from jaxtyping import Float

from ..config import PerceiverConfig
from ..errors import ConfigError
from ..model import Perceiver
from ..progress import ProgressCallback, ignore, portion
from ..sample import Sample
from ..trace import Trace
from .attribution import attribute
from .faithfulness import Faithfulness, faithfulness_of_all, random_faithfulness
from .methods import METHODS, AttributionMethod, RelevanceMethod, Removal
from .relevance import Relevance, relevance


@dataclass(frozen=True)
class Question:
    """The settings of an explanation of the class `target`.

    against    a class to contrast with
    relevance  the method of class relevance
    steps      of integrated gradients, from the baseline to the input
    """

    target: int
    against: int | None = None
    relevance: RelevanceMethod = "gradient"
    steps: int = 32

    def __post_init__(self) -> None:
        if self.target == self.against:
            raise ConfigError(f"class {self.target + 1} cannot be contrasted with itself")

    def map_key(self, method: str) -> tuple[Hashable, ...]:
        """Everything that a method's map depends on besides the model and the input, as a cache key."""
        if not METHODS[method].about_class:
            return (method,)
        own: dict[str, tuple[Hashable, ...]] = {
            "relevance": (self.relevance,),
            "integrated_gradients": (self.steps,),
        }
        return (method, self.target, self.against, *own.get(method, ()))

    def score_key(self, method: str) -> tuple[Hashable, ...]:
        """Everything that the score of a method, or of "random", depends on, as a cache key: it follows one class."""
        return ("score", self.target, *(self.map_key(method) if method in METHODS else ()))


@dataclass(frozen=True)
class Explanation:
    """The map of one explanation method.

    method                its key in `METHODS`
    values                in the shape of the input; higher values are stronger evidence for the class
    signed                whether values below 0 are evidence against the class
    score                 deletion and insertion along the map; None if it was not tested
    change, completeness  as in `Attribution`; integrated gradients only
    relevance             the relevance of every block; class relevance only
    """

    method: str
    values: Float[np.ndarray, "*shape"]
    signed: bool
    score: Faithfulness | None = None
    change: float | None = None
    completeness: float | None = None
    relevance: Relevance | None = field(default=None, repr=False)

    @property
    def shares(self) -> Float[np.ndarray, "*shape"]:
        """Values divided by the sum of their magnitudes, a unit common to all methods."""
        values = np.asarray(self.values, dtype=np.float64)
        return values / (np.abs(values).sum() or 1.0)


@dataclass(frozen=True)
class Explanations:
    """The maps of one input by several methods, possibly incomplete.

    methods  all requested methods, in the order of computation
    maps     the maps computed so far, with scores if `random` is not None
    random   the score of random orders; None until the maps are tested
    """

    question: Question
    methods: tuple[str, ...]
    maps: tuple[Explanation, ...] = ()
    random: Faithfulness | None = None

    def __getitem__(self, method: str) -> Explanation:
        """The map of a method. Raises KeyError if it is not computed yet."""
        for one in self.maps:
            if one.method == method:
                return one
        raise KeyError(method)

    @property
    def complete(self) -> bool:
        """Whether all maps are computed and tested."""
        return len(self.maps) == len(self.methods) and len(self.scores) == len(self.methods) + 1

    @property
    def relevance(self) -> Relevance | None:
        """Class relevance, if it is among the methods."""
        return next((one.relevance for one in self.maps if one.relevance is not None), None)

    @property
    def scores(self) -> Mapping[str, Faithfulness]:
        """Deletion and insertion by method, "random" for random orders; those computed so far."""
        known = {one.method: one.score for one in self.maps if one.score is not None}
        return known if self.random is None else {**known, "random": self.random}


def methods_for(config: PerceiverConfig) -> tuple[str, ...]:
    """The methods that give different maps for a model, fastest first."""
    only_one = len(config.cross_attention_blocks) == 1
    return tuple(key for key in METHODS if not (only_one and key == "last"))


def explain_by(
    model: Perceiver,
    sample: Sample,
    trace: Trace,
    method: str,
    question: Question,
    *,
    progress: ProgressCallback = ignore,
) -> Explanation:
    """The map of one method, without a score.

    trace  the trace of the sample

    Raises ConfigError for a class or a method that does not exist.
    """
    if method not in METHODS:
        raise ConfigError(f"there is no explanation method {method!r}; there are {', '.join(METHODS)}")
    if method in ("attention", "last"):
        values = trace.mean_map(None if method == "attention" else trace.blocks[-1:])
        return Explanation(method, values.numpy().reshape(trace.shape), signed=False)
    target, against = question.target, question.against
    if method == "relevance":
        held = relevance(model, sample, target, against, method=question.relevance, progress=progress)
        return Explanation(method, held.total, signed=against is not None, relevance=held)
    gradient = cast(AttributionMethod, method)
    made = attribute(model, sample, gradient, target, against, steps=question.steps, progress=progress)
    return Explanation(method, made.values, made.signed, change=made.change, completeness=made.completeness)


def explain_steps(
    model: Perceiver,
    sample: Sample,
    trace: Trace,
    question: Question,
    methods: Sequence[str] | None = None,
    *,
    test: bool = True,
    steps: int = 20,
    seeds: int = 8,
    removal: Removal = "remove",
    at_a_time: int | None = None,
    resume: Explanations | None = None,
    progress: ProgressCallback = ignore,
) -> Iterator[Explanations]:
    """Computes the maps of several methods, then their scores, and yields the result after each step.

    methods    keys of METHODS; None is `methods_for`
    test       whether maps are tested by deletion and insertion: one step for all maps, one for random orders
    steps      number of points of the curves
    seeds      number of random orders
    removal    how an element is removed
    at_a_time  number of maps tested in one step; None tests all together
    resume     an earlier result for the same question and methods, in any order; its maps are not computed again

    Raises as `explain_by` and `faithfulness_of_all` do.
    """
    asked = methods_for(model.config) if methods is None else tuple(methods)
    found = Explanations(question, asked) if resume is None else resume
    group = max(1, at_a_time or len(asked))
    total = len(asked) + (-(-len(asked) // group) + 1 if test else 0)
    for done, method in enumerate(asked):
        if any(one.method == method for one in found.maps):
            continue
        label = METHODS[method].lower_label if method in METHODS else method
        part = portion(progress, done / total, (done + 1) / total, f"Computing {label}")
        part(0.0, "")
        made = explain_by(model, sample, trace, method, question, progress=part)
        maps = {one.method: one for one in (*found.maps, made)}
        found = replace(found, maps=tuple(maps[key] for key in asked if key in maps))
        yield found
    if not test:
        return
    untested = {one.method: one.values for one in found.maps if one.score is None}
    while untested:
        tested = len(asked) - len(untested)
        said = "Testing the maps" if at_a_time is None else f"Testing the maps: {tested} of {len(asked) + 1} tested"
        progress((len(asked) + tested / group) / total, said)
        part_of = dict(list(untested.items())[:group])
        scores = faithfulness_of_all(model, sample, part_of, question.target, steps=steps, how=removal)
        found = replace(found, maps=tuple(replace(m, score=scores.get(m.method, m.score)) for m in found.maps))
        untested = {key: values for key, values in untested.items() if key not in scores}
        yield found
    if found.random is None:
        progress((total - 1) / total, "Testing random orders")
        random = random_faithfulness(model, sample, question.target, seeds=seeds, steps=steps, how=removal)
        yield replace(found, random=random)
    progress(1.0, "Testing random orders")
