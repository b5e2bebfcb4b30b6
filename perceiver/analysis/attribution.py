"""Gradient attributions: one value per input element. Single gradients are computed by captum."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from ..errors import ConfigError
from ..model import Perceiver
from ..progress import ProgressCallback, ignore, portion
from ..sample import Sample
from ..validation import whole_number
from .batches import evaluate, together
from .methods import ATTRIBUTION_METHODS, METHODS, AttributionMethod
from .target_class import chosen_class


@dataclass(frozen=True)
class Attribution:
    """The contribution of each input element to a class's logit, by one method.

    target        the class
    against       the class whose logit is subtracted; None for none
    values        one per element, in the sample's shape
    signed        whether values below 0 are evidence against the class; false for saliency
    change        the logit of the input minus that of the baseline; integrated gradients only
    completeness  the deviation of the sum of all values from `change`, ideally 0; integrated gradients only
    """

    method: AttributionMethod
    target: int
    against: int | None
    values: Float32[np.ndarray, "*shape"]
    signed: bool
    change: float | None = None
    completeness: float | None = None


@dataclass(frozen=True)
class PathGradients:
    """Integrated gradients, possibly incomplete.

    done         points of the path that are summed up
    steps        points of the path
    gradient     the weighted sum of the gradients at these points
    attribution  the result; None until all points are summed up
    """

    done: int
    steps: int
    gradient: Float[Tensor, "1 M part"]
    attribution: Attribution | None = None


def attribute(
    model: Perceiver,
    sample: Sample,
    method: AttributionMethod,
    target: int | None = None,
    against: int | None = None,
    *,
    steps: int = 32,
    progress: ProgressCallback = ignore,
) -> Attribution:
    """The attribution of every input element for a class's logit.

    target   the class; None is the most probable one
    against  a class whose logit is subtracted
    steps    points between baseline and input; integrated gradients only

    saliency              norm of the gradient over an element's channels (Simonyan et al. 2014)
    input_x_gradient      input times gradient, summed over an element's channels
    integrated_gradients  the same, integrated along the path from a baseline (Sundararajan et al. 2017)

    Channels are those of the content, after the stem if there is one; position encodings are constant. The baseline is
    content 0, the mean of the training data. For inputs without content the channels are those of the position
    encoding, and the baseline is its mean over all elements.

    Raises ConfigError for a class or a method that does not exist.
    """
    if method not in ATTRIBUTION_METHODS:
        raise ConfigError(f"there is no attribution {method!r}; there are {', '.join(ATTRIBUTION_METHODS)}")
    steps = whole_number("steps", steps, 1)
    if method == "integrated_gradients":
        *_, last = integrate(model, sample, target, against, steps=steps, progress=progress)
        assert last.attribution is not None
        return last.attribution
    # Takes a second to import, and everything that writes results imports this module.
    from captum.attr import InputXGradient, Saliency

    score = _Score.of(model, sample, target, against)
    words = f"Computing {METHODS[method].lower_label}"

    def asked(part: Float[Tensor, "B M part"]) -> Float[Tensor, "B"]:
        return score(part, lambda share: progress(share, words))

    progress(0.0, words)
    given = score.given.clone().requires_grad_()
    with torch.enable_grad():
        if method == "saliency":
            values = Saliency(asked).attribute(given, abs=False).norm(dim=-1)
        else:
            values = InputXGradient(asked).attribute(given).sum(-1)
    progress(1.0, words)
    shaped = values.detach()[0].numpy().reshape(sample.shape)
    return Attribution(method, score.target, against, shaped, signed=method != "saliency")


def integrate(
    model: Perceiver,
    sample: Sample,
    target: int | None = None,
    against: int | None = None,
    *,
    steps: int = 32,
    resume: PathGradients | None = None,
    progress: ProgressCallback = ignore,
) -> Iterator[PathGradients]:
    """Integrated gradients by Gauss-Legendre quadrature; yields after every batch of points of the path.

    resume  an unfinished result for the same input, classes and steps, whose points are not computed again

    Arguments and errors as for `attribute`.
    """
    score = _Score.of(model, sample, target, against)
    words = f"Computing {METHODS['integrated_gradients'].lower_label}"
    given, baseline = score.given, score.baseline
    nodes, weights = (torch.from_numpy(one).to(given) for one in np.polynomial.legendre.leggauss(steps))
    path = PathGradients(0, steps, torch.zeros_like(given)) if resume is None else resume
    size = together(model, given.shape[1])
    while path.done < steps:
        stop = min(path.done + size, steps)
        report = portion(progress, path.done / steps, stop / steps, words)
        report(0.0, words)
        alphas, shares = (one[path.done : stop, None, None] for one in ((nodes + 1) / 2, weights / 2))
        with torch.enable_grad():
            points = (baseline + alphas * (given - baseline)).requires_grad_()
            total = score(points, lambda share, report=report: report(share, words)).sum()  # type: ignore[misc]
            (gradient,) = torch.autograd.grad(total, points)
        path = replace(path, done=stop, gradient=path.gradient + (shares * gradient).sum(0, keepdim=True))
        if path.done == steps:
            path = replace(path, attribution=_integrated(score, path, sample))
            progress(1.0, words)
        yield path


@torch.no_grad()
def _integrated(score: _Score, path: PathGradients, sample: Sample) -> Attribution:
    values = ((score.given - score.baseline) * path.gradient).sum(-1)
    change = float(score(score.given) - score(score.baseline.contiguous()))
    return Attribution(
        method="integrated_gradients",
        target=score.target,
        against=score.against,
        values=values[0].numpy().reshape(sample.shape),
        signed=True,
        change=change,
        completeness=abs(float(values.sum()) - change),
    )


@dataclass(frozen=True)
class _Score:
    """The logit of a class, less that of another if there is one, as a function of the attributed channels.

    join             makes the input array of content and position codes
    fixed            the other channels: of the position encoding, or of the content
    given, baseline  the attributed channels of the input and of the baseline
    has_content      whether the attributed channels are those of the content
    """

    model: Perceiver
    join: Callable[..., Tensor]
    fixed: Float[Tensor, "1 M fixed"]
    given: Float[Tensor, "1 M part"]
    baseline: Float[Tensor, "1 M part"]
    has_content: bool
    target: int
    against: int | None

    @classmethod
    @torch.no_grad()
    def of(cls, model: Perceiver, sample: Sample, target: int | None, against: int | None) -> _Score:
        codes = model.codes(sample).detach()
        content, blank, join = sample.content[None], torch.zeros_like(sample.content)[None], model.input_array
        if content.shape[1] != codes.shape[1]:
            content, blank, join = model.stem(content), model.stem(blank), model.joined
        has_content = content.shape[-1] > 0
        if has_content:
            fixed, given, baseline = codes, content, blank
        else:
            fixed, given, baseline = content, codes, codes.mean(1, keepdim=True).expand_as(codes)
        logits = torch.zeros(model.config.num_classes) if target is not None else model(join(content, codes))[0]
        chosen = chosen_class(logits, target, against)
        return cls(model, join, fixed, given, baseline, has_content, chosen, against)

    def __call__(
        self, part: Float[Tensor, "B M part"], report: Callable[[float], None] = lambda _: None
    ) -> Float[Tensor, "B"]:
        content, codes = (part, self.fixed) if self.has_content else (self.fixed.expand(len(part), -1, -1), part)
        logits = evaluate(self.model, self.join(content, codes), report)
        found = logits[:, self.target]
        return found if self.against is None else found - logits[:, self.against]
