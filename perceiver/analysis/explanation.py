"""Explanations: maps of the input elements that a class depends on, by several methods, with faithfulness scores."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar, cast

import numpy as np
from jaxtyping import Float

from ..config import PerceiverConfig
from ..errors import ConfigError
from ..model import Perceiver
from ..progress import ProgressCallback, ignore, portion
from ..sample import Sample
from ..trace import Trace
from ..validation import check_choice, whole_number
from .attribution import Attribution, PathGradients, attribute, integrate
from .batches import GRADIENT, check_identity, run_identity
from .faithfulness import Faithfulness, Perturbations, map_orders, perturb, points, random_orders
from .methods import METHODS, RANDOM, RELEVANCE_METHODS, REMOVALS, AttributionMethod, RelevanceMethod, Removal
from .relevance import Relevance, relevance

T = TypeVar("T")
Key = tuple[Hashable, ...]


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
        check_choice("relevance", self.relevance, RELEVANCE_METHODS)
        whole_number("steps", self.steps, 1)
        if self.target == self.against:
            raise ConfigError(f"class {self.target} cannot be contrasted with itself")

    def map_key(self, method: str) -> Key:
        """Everything that a method's map depends on besides the model and the input, as a cache key."""
        if not METHODS[method].about_class:
            return (method,)
        own: dict[str, tuple[Hashable, ...]] = {
            "relevance": (self.relevance,),
            "integrated_gradients": (self.steps,),
        }
        return (method, self.target, self.against, *own.get(method, ()))

    def score_key(self, method: str) -> Key:
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
    begun    unfinished maps by `Question.map_key`, and unfinished tests by `Question.score_key`
    each     seconds per evaluation of the model in the last work that was measured; 0 before it
    identity of the model and the input, as `run_identity` gives it
    """

    question: Question
    methods: tuple[str, ...]
    maps: tuple[Explanation, ...] = ()
    random: Faithfulness | None = None
    begun: Mapping[Key, PathGradients | Perturbations] = field(default_factory=dict, repr=False)
    each: float = 0.0
    identity: str = field(default="", repr=False)

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


def _known_method(method: str) -> None:
    if method not in METHODS:
        raise ConfigError(f"there is no explanation method {method!r}; there are {', '.join(METHODS)}")


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
    _known_method(method)
    if method in ("attention", "last"):
        values = trace.mean_map(None if method == "attention" else trace.blocks[-1:])
        return Explanation(method, values.numpy().reshape(trace.shape), signed=False)
    target, against = question.target, question.against
    if method == "relevance":
        held = relevance(model, sample, target, against, method=question.relevance, progress=progress)
        return Explanation(method, held.total, signed=against is not None, relevance=held)
    gradient = cast(AttributionMethod, method)
    return _of(attribute(model, sample, gradient, target, against, steps=question.steps, progress=progress))


def _of(made: Attribution) -> Explanation:
    return Explanation(made.method, made.values, made.signed, change=made.change, completeness=made.completeness)


def evaluations_left(found: Explanations, elements: int, *, test: bool = True, steps: int = 20, seeds: int = 8) -> int:
    """The number of evaluations of the model that `explain_steps` needs to complete a result.

    An evaluation with its gradient counts as GRADIENT evaluations. Times the seconds of one evaluation this is an
    estimate of the time left.

    elements  M, the number of input elements

    Other arguments as for `explain_steps`.
    """
    question, known = found.question, {one.method for one in found.maps}
    classes = 1 if question.against is None else 2
    costs = {
        "attention": 0,
        "last": 0,
        "relevance": 1 + GRADIENT * classes,
        "integrated_gradients": GRADIENT * question.steps + 2,
    }
    left = 0
    for method in found.methods:
        if method not in known:
            begun = found.begun.get(question.map_key(method))
            done = GRADIENT * begun.done if isinstance(begun, PathGradients) else 0
            left += costs.get(method, GRADIENT) - done
    if test:
        curves = sum(map(len, points(elements, steps)))
        for key in (*found.methods, RANDOM):
            if key not in found.scores:
                begun = found.begun.get(question.score_key(key))
                left += begun.left if isinstance(begun, Perturbations) else curves * (seeds if key == RANDOM else 1)
    return left


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
    seconds: float | None = None,
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
    seconds    yields unfinished steps, too, after about this time each; a step can then be resumed where it was left
    resume     an earlier result for the same question and methods, in any order; its maps are not computed again

    Raises as `explain_by` and `faithfulness_of_all` do, and ConfigError for no methods, and if `resume` is of another
    question, other methods, another model or another input.
    """
    asked = methods_for(model.config) if methods is None else tuple(dict.fromkeys(methods))
    for method in asked:
        _known_method(method)
    if not asked and not test:
        raise ConfigError(f"an explanation takes one method at least; there are {', '.join(METHODS)}")
    check_choice("removal", removal, REMOVALS)
    whole_number("steps", steps, 1)
    whole_number("seeds", seeds, 1)
    found = Explanations(question, asked, identity=run_identity(model, sample))
    if resume is not None:
        if resume.question != question or set(resume.methods) != set(asked):
            raise ConfigError("an explanation can be resumed for the question and the methods that it was begun with")
        check_identity(resume.identity, found.identity, "an explanation")
        found = resume
    group = max(1, at_a_time or len(asked))
    total = len(asked) + (-(-len(asked) // group) + 1 if test else 0)
    for done, method in enumerate(asked):
        if any(one.method == method for one in found.maps):
            continue
        label = METHODS[method].lower_label if method in METHODS else method
        part = portion(progress, done / total, (done + 1) / total, f"Computing {label}")
        part(0.0, "")
        if method == "integrated_gradients":
            for grown, complete in _integrated(model, sample, found, seconds, part):
                found = grown
                if not complete:
                    yield found
        else:
            found = _with_map(found, asked, explain_by(model, sample, trace, method, question, progress=part))
        yield found
    if not test:
        return
    tested = [one.method for one in found.maps if one.score is not None]
    untested = {one.method: one.values for one in found.maps if one.score is None}
    while untested:
        said = "Testing the maps"
        if at_a_time is not None:
            said = f"{said}: {len(tested)} of {len(asked) + 1} tested"
        now = dict(list(untested.items())[:group])
        start = len(asked) + len(tested) / group
        part = portion(progress, start / total, min(start + 1, total - 1) / total, said)
        key = question.score_key(next(iter(now))) if len(now) == 1 else ("scores", *map(question.score_key, now))
        testing = _Test(map_orders(sample, now), question.target, steps, removal, key)
        for grown, state in testing.run(model, sample, found, seconds, part):
            found = grown
            if state.left:
                yield found
            else:
                scores = state.scores(now)
                maps = tuple(replace(one, score=scores.get(one.method, one.score)) for one in found.maps)
                found = replace(found, maps=maps)
        tested += now
        untested = {key: values for key, values in untested.items() if key not in now}
        yield found
    if found.random is None:
        part = portion(progress, (total - 1) / total, 1.0, "Testing random orders")
        testing = _Test(random_orders(sample, seeds), question.target, steps, removal, question.score_key(RANDOM))
        for grown, state in testing.run(model, sample, found, seconds, part):
            found = grown
            yield found if state.left else replace(found, random=state.mean())
    progress(1.0, "Testing random orders")


def _with_map(found: Explanations, asked: tuple[str, ...], made: Explanation) -> Explanations:
    maps = {one.method: one for one in (*found.maps, made)}
    return replace(found, maps=tuple(maps[key] for key in asked if key in maps))


def _integrated(
    model: Perceiver, sample: Sample, found: Explanations, seconds: float | None, progress: ProgressCallback
) -> Iterator[tuple[Explanations, bool]]:
    """Integrated gradients as they grow, with whether they are complete."""
    question = found.question
    key = question.map_key("integrated_gradients")
    before = cast("PathGradients | None", found.begun.get(key))
    classes = (question.target, question.against)
    paths = integrate(model, sample, *classes, steps=question.steps, resume=before, progress=progress)
    done = 0 if before is None else before.done
    for path, spent in _every(paths, seconds):
        found = replace(found, each=spent / (GRADIENT * (path.done - done)))
        done = path.done
        if path.attribution is None:
            found = replace(found, begun={**found.begun, key: path})
        else:
            found = _with_map(_finished(found, key), found.methods, _of(path.attribution))
        yield found, path.attribution is not None


@dataclass(frozen=True)
class _Test:
    """A deletion and insertion test along some orders, whose unfinished result is kept under a key."""

    orders: Sequence[np.ndarray]
    target: int
    steps: int
    removal: Removal
    key: Key

    def run(
        self,
        model: Perceiver,
        sample: Sample,
        found: Explanations,
        seconds: float | None,
        progress: ProgressCallback,
    ) -> Iterator[tuple[Explanations, Perturbations]]:
        """The test as it grows, with what is known besides."""
        before = cast("Perturbations | None", found.begun.get(self.key))
        options = {"steps": self.steps, "how": self.removal, "resume": before, "progress": progress}
        left = None if before is None else before.left
        progress(0.0, "")
        for state, spent in _every(perturb(model, sample, self.orders, self.target, **options), seconds):  # type: ignore[arg-type]
            computed = (state.found.size if left is None else left) - state.left
            left = state.left
            found = replace(found, each=spent / computed) if computed else found
            found = replace(found, begun={**found.begun, self.key: state}) if left else _finished(found, self.key)
            yield found, state


def _finished(found: Explanations, key: Key) -> Explanations:
    return replace(found, begun={one: state for one, state in found.begun.items() if one != key})


def _every(results: Iterator[T], seconds: float | None) -> Iterator[tuple[T, float]]:
    """The last of some results and, every `seconds`, one of those before it, each with the time it took."""
    began, last = time.monotonic(), None
    for last in results:
        spent = time.monotonic() - began
        if seconds is not None and spent >= seconds:
            yield last, spent
            began, last = time.monotonic(), None
    if last is not None:
        yield last, time.monotonic() - began
