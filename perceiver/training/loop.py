"""The training loop, on a CPU, a GPU or several processes.

Every batch is drawn from a generator seeded by (seed, step, process), so a resumed run draws the same batches as an
uninterrupted one.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from accelerate import Accelerator, DistributedDataParallelKwargs
from jaxtyping import Float, Int
from torch import Tensor

from ..config import PerceiverConfig
from ..errors import CheckpointError
from ..model import Perceiver
from ..progress import ProgressCallback
from .optimisers import build_optimisers
from .preparation import add_norms, choose_precision, fold_norms
from .recipe import Recipe
from .sets import TRAIN, DataSet, Examples, open_set, validation_examples
from .sets.base import hits
from .teacher import Trained, distillation_loss, teacher_input, train_teacher

CHECKS = 24
"""Number of measurements of the validation accuracy in a run, evenly spaced."""

CHECKED = 600
"""Number of validation examples per measurement, evenly spaced."""


@dataclass(frozen=True)
class Progress:
    """Measurements during training, for logs: means over the steps since the last ones."""

    step: int
    steps: int
    loss: float
    accuracy: float
    samples_per_second: float
    seconds: float
    seconds_left: float
    learning_rate: float


@dataclass(frozen=True)
class Outcome:
    """The result of a training run.

    model      the averaged model, in eval mode
    seconds    training time over all resumptions, without that of the teacher
    leads      whether this is the main process, which writes the files
    precision  number type of the matrix products: "no" (float32) or "bf16"
    curve      (step, validation accuracy of the averaged model), in order; empty without a validation split
    teacher    validation accuracy of the teacher; None without a teacher or a validation split
    """

    model: Perceiver
    seconds: float
    leads: bool
    precision: str
    curve: tuple[tuple[int, float], ...]
    teacher: float | None


@dataclass(frozen=True)
class Mix:
    """Mixup of a batch (Zhang et al. 2018): `share` is the weight of each example, the rest that of the one at
    `other`."""

    share: Float[Tensor, "B"]
    other: Int[Tensor, "B"]


@dataclass(frozen=True)
class Batch:
    """The batch of one step.

    elements  indices of the input elements used; None for all
    mix       the mixup; None for no mixing
    """

    examples: Examples
    elements: Int[Tensor, "m"] | None
    mix: Mix | None = None

    @property
    def content(self) -> Float[Tensor, "B M read"]:
        """Content of all elements, after mixup."""
        content = self.examples.content
        if self.mix is None:
            return content
        share = self.mix.share[:, None, None]
        return share * content + (1 - share) * content[self.mix.other]


def batch_at(data: DataSet, recipe: Recipe, step: int, process: int = 0, processes: int = 1) -> Batch:
    """The batch of a step on one of several processes; depends on its arguments only."""
    generator = torch.Generator().manual_seed((recipe.seed * 1_000_003 + step) * 1_009 + process)
    examples = data.batch(recipe.batch // processes, recipe.augmentation, generator)
    elements = None
    if recipe.elements is not None and recipe.elements < recipe.model.num_inputs:
        elements = torch.randperm(recipe.model.num_inputs, generator=generator)[: recipe.elements]
    if recipe.dropout:
        place = float(torch.rand((), generator=generator))
        for name, fraction in recipe.dropout:
            if 0 <= place < fraction:
                elements = _without(name, recipe.model)
            place -= fraction
    mix = None
    if recipe.mixup and torch.rand((), generator=generator) < recipe.mixup:
        count = len(examples)
        share = torch.rand(count, generator=generator)
        mix = Mix(torch.maximum(share, 1 - share), torch.randperm(count, generator=generator))
    return Batch(examples, elements, mix)


def train(
    recipe: Recipe,
    source: Path,
    folder: Path,
    *,
    resume: bool = True,
    save_every: float = 120.0,
    report_every: int = 50,
    report: Callable[[Progress], None] | None = None,
    progress: ProgressCallback | None = None,
    stop_after: int | None = None,
) -> Outcome:
    """Trains a recipe on the data in `source` and keeps a resumable state in `folder`.

    save_every  seconds between two saves of the state
    progress    called during the training of the teacher, before the first step
    stop_after  stop after this step and save the state, like an interruption

    Raises DataError if the data is missing, CheckpointError if `folder` holds the state of another recipe.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state_file = folder / "state.pt"
    state = _read(state_file, recipe) if resume and state_file.is_file() else None
    data = open_set(source, TRAIN, recipe.model)
    precision = state["precision"] if state else choose_precision(recipe, batch_at(data, recipe, 0).examples)
    # In the absorbed form the bias of the keys shifts all scores of a latent equally and gets no gradient.
    handlers = [DistributedDataParallelKwargs(find_unused_parameters=True)]
    accelerator = Accelerator(cpu=not torch.cuda.is_available(), mixed_precision=precision, kwargs_handlers=handlers)
    teacher = _teacher(recipe, source, accelerator, progress)
    checked = validation_examples(source, recipe.model, CHECKED)
    torch.manual_seed(recipe.seed)
    model = Perceiver(recipe.model)
    add_norms(model)
    average = copy.deepcopy(model).requires_grad_(False).to(accelerator.device).eval()
    optimisers = build_optimisers(model, recipe.optimiser, recipe.learning_rate, recipe.weight_decay)
    step, spent, curve = 0, 0.0, list[tuple[int, float]]()
    if state:
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        for optimiser, held in zip(optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(held)
        step, spent, curve = int(state["step"]), float(state["seconds"]), [(s, a) for s, a in state["curve"]]
    wrapped, *optimisers_ = accelerator.prepare(model, *optimisers)
    end = min(recipe.steps, stop_after if stop_after is not None else recipe.steps)
    rank, ranks = accelerator.process_index, accelerator.num_processes
    marks = {round(recipe.steps * (i + 1) / CHECKS) for i in range(CHECKS)}

    def save(seconds: float) -> None:
        _write(
            state_file,
            {
                "recipe": _fingerprint(recipe),
                "precision": precision,
                "step": step,
                "seconds": seconds,
                "curve": curve,
                "model": accelerator.unwrap_model(wrapped).state_dict(),
                "average": average.state_dict(),
                "optimisers": [optimiser.state_dict() for optimiser in optimisers_],
            },
        )

    start = saved = mark = time.monotonic()
    since, losses, right = step, torch.zeros(()), torch.zeros(())
    with ThreadPoolExecutor(1) as ahead:
        upcoming = ahead.submit(batch_at, data, recipe, step, rank, ranks)
        while step < end:
            batch = upcoming.result()
            if step + 1 < end:
                upcoming = ahead.submit(batch_at, data, recipe, step + 1, rank, ranks)
            loss, correct = _step(accelerator, wrapped, optimisers_, recipe, batch, step, teacher)
            _update_average(average, model, min(recipe.averaging, (1 + step) / (10 + step)))
            step += 1
            losses, right = losses + loss.cpu(), right + correct.cpu()
            if checked is not None and accelerator.is_main_process and step in marks:
                curve.append((step, float(hits(average, checked).float().mean())))
            now = time.monotonic()
            if report is not None and accelerator.is_main_process and (step % report_every == 0 or step == end):
                done, took = step - since, now - mark
                report(
                    Progress(
                        step=step,
                        steps=recipe.steps,
                        loss=float(losses) / done,
                        accuracy=float(right) / done,
                        samples_per_second=done * recipe.batch / took,
                        seconds=spent + now - start,
                        seconds_left=(recipe.steps - step) * took / done,
                        learning_rate=recipe.rate(step - 1),
                    )
                )
                since, mark, losses, right = step, now, torch.zeros(()), torch.zeros(())
            if accelerator.is_main_process and (now - saved > save_every or step == end):
                save(spent + now - start)
                saved = now
    accelerator.wait_for_everyone()
    fold_norms(average)
    return Outcome(
        model=average.cpu().eval(),
        seconds=spent + time.monotonic() - start,
        leads=accelerator.is_main_process,
        precision=precision,
        curve=tuple(curve),
        teacher=teacher.accuracy if teacher else None,
    )


def _step(
    accelerator: Accelerator,
    model: torch.nn.Module,
    optimisers: list[torch.optim.Optimizer],
    recipe: Recipe,
    batch: Batch,
    step: int,
    teacher: Trained | None,
) -> tuple[Tensor, Tensor]:
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate(step)
    plain: Perceiver = accelerator.unwrap_model(model)
    examples, device = batch.examples, accelerator.device
    content = batch.content.to(device)
    with accelerator.autocast():
        logits = model(drawn_inputs(plain, examples, content, batch.elements))
    logits = logits.float()
    targets = _targets(examples, batch.mix, recipe.model.num_classes).to(device)
    loss = F.cross_entropy(logits, targets, label_smoothing=recipe.smoothing)
    if teacher is not None and recipe.teacher is not None:
        seen = teacher_input(dataclasses.replace(examples, content=content), batch.elements)
        with torch.no_grad():
            soft = teacher.net.to(device)(seen.to(device))
        weight = recipe.teacher.weight
        loss = (1 - weight) * loss + weight * distillation_loss(logits, soft, recipe.teacher.temperature)
    for optimiser in optimisers:
        optimiser.zero_grad()
    accelerator.backward(loss)
    accelerator.clip_grad_norm_(model.parameters(), recipe.clip)
    for optimiser in optimisers:
        optimiser.step()
    return loss.detach(), examples.right(logits.argmax(-1).cpu()).float().mean()


def drawn_inputs(
    model: Perceiver, examples: Examples, content: Float[Tensor, "B rows read"], elements: Int[Tensor, "m"] | None
) -> Float[Tensor, "B m C"]:
    """The input array of a batch, restricted to the given elements after the stem (None: all)."""
    content = model.stem(content)
    codes = examples.codes(model).to(content.device)
    if elements is None:
        return model.joined(content, codes)
    elements = elements.to(content.device)
    if model.config.segments:  # the content of each has channels of its own, by its place among all elements
        return model.joined(content, codes)[:, elements]
    return model.joined(content[:, elements], codes[:, elements])


def _without(name: str, config: PerceiverConfig) -> Int[Tensor, "m"]:
    """The input elements of all segments but one."""
    kept = [torch.full((segment.count,), segment.name != name) for segment in config.segments]
    return torch.nonzero(torch.cat(kept))[:, 0]


def _targets(examples: Examples, mix: Mix | None, classes: int) -> Tensor:
    """Labels, or probabilities of classes where an example has several or two are mixed."""
    if mix is None and examples.labels is None:
        return examples.label
    targets = examples.targets(classes)
    if mix is None:
        return targets
    share = mix.share[:, None]
    return share * targets + (1 - share) * targets[mix.other]


def _teacher(
    recipe: Recipe, source: Path, accelerator: Accelerator, progress: ProgressCallback | None
) -> Trained | None:
    if recipe.teacher is None:
        return None
    with accelerator.main_process_first():  # the others find it in the cache
        return train_teacher(recipe.teacher, recipe.model, source, recipe.augmentation, progress=progress)


@torch.no_grad()
def _update_average(average: Perceiver, model: Perceiver, decay: float) -> None:
    # Not torch.optim.swa_utils.AveragedModel, which renames all tensors. The decay rises from 0.1, so that the random
    # initial weights soon lose their influence.
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)
    for held, measured in zip(average.buffers(), model.buffers(), strict=True):
        held.copy_(measured)


def _write(path: Path, state: dict[str, Any]) -> None:
    part = path.with_suffix(".part")
    torch.save(state, part)
    os.replace(part, path)  # atomic, so that no partial state is left


def _read(path: Path, recipe: Recipe) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    if state["recipe"] != _fingerprint(recipe):
        raise CheckpointError(f"{path.parent} holds a run of another recipe; choose another folder or start afresh")
    return state


def _fingerprint(recipe: Recipe) -> str:
    """The recipe as text: only what differs from the defaults, so that a new field does not invalidate old states."""
    return json.dumps(_changed(recipe), sort_keys=True, default=str)


def _changed(value: Any) -> Any:
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    out = {}
    for field in dataclasses.fields(value):
        held = getattr(value, field.name)
        if field.default is dataclasses.MISSING or held != field.default:
            out[field.name] = _changed(held)
    return {"type": type(value).__name__, **out}
