"""Gradient attributions, computed by captum: one value per input element."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from ..errors import ConfigError
from ..model import Perceiver
from ..progress import ProgressCallback, ignore
from ..sample import Sample
from .batches import together
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
    # Takes a second to import, and everything that writes results imports this module.
    from captum.attr import InputXGradient, IntegratedGradients, Saliency

    if method not in ATTRIBUTION_METHODS:
        raise ConfigError(f"there is no attribution {method!r}; there are {', '.join(ATTRIBUTION_METHODS)}")
    codes = model.codes(sample).detach()
    content, blank, join = sample.content[None], torch.zeros_like(sample.content)[None], model.input_array
    if content.shape[1] != codes.shape[1]:
        with torch.no_grad():
            content, blank, join = model.stem(content), model.stem(blank), model.joined
    has_content = content.shape[-1] > 0

    def logits(part: Float[Tensor, "B M part"]) -> Float[Tensor, "B classes"]:
        if has_content:
            return model(join(part, codes))
        return model(join(content.expand(len(part), -1, -1), part))

    given = content if has_content else codes
    baseline = blank if has_content else given.mean(1, keepdim=True).expand_as(given)
    with torch.no_grad():
        at_input = logits(given)[0]
    chosen = chosen_class(at_input, target, against)
    total, done = (steps if method == "integrated_gradients" else 1), 0
    words = f"Computing {METHODS[method].lower_label}"

    def asked(part: Float[Tensor, "B M part"]) -> Float[Tensor, "B"]:
        nonlocal done
        # Captum also runs the input once without gradients, which is not a step.
        if part.requires_grad:
            progress(min(done, total) / total, words)
            done += len(part)
        found = logits(part)
        return found[:, chosen] - found[:, against] if against is not None else found[:, chosen]

    given = given.clone().requires_grad_()
    change = completeness = None
    with torch.enable_grad():
        match method:
            case "saliency":
                values = Saliency(asked).attribute(given, abs=False).norm(dim=-1)
            case "input_x_gradient":
                values = InputXGradient(asked).attribute(given).sum(-1)
            case _:
                found = IntegratedGradients(asked).attribute(
                    given, baseline, n_steps=steps, internal_batch_size=together(model, given.shape[1])
                )
                values = found.detach().sum(-1)
                with torch.no_grad():
                    change = float(asked(given.detach()) - asked(baseline.contiguous()))
                completeness = abs(float(values.sum()) - change)
    progress(1.0, words)
    return Attribution(
        method=method,
        target=chosen,
        against=against,
        values=values.detach()[0].numpy().reshape(sample.shape),
        signed=method != "saliency",
        change=change,
        completeness=completeness,
    )
