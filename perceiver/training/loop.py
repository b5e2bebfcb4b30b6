"""The training loop: LAMB, the paper's stepped schedule, no dropout; on a CPU, a GPU or several processes.

Every batch is drawn from a generator seeded by (seed, step, process), so a resumed run continues with the very
batches it would have seen.
"""

from __future__ import annotations

import copy
import dataclasses
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from accelerate import Accelerator, DistributedDataParallelKwargs
from jaxtyping import Int
from pytorch_optimizer import Lamb
from torch import Tensor

from ..errors import CheckpointError
from ..model import Perceiver
from .recipes import Recipe
from .sets import TRAIN, DataSet, Examples, open_set


@dataclass(frozen=True)
class Progress:
    """What the loop tells about itself: means over the steps since the last report."""

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
    """The averaged model, the seconds its training took over all runs, and whether this process writes the files."""

    model: Perceiver
    seconds: float
    leads: bool


@dataclass(frozen=True)
class Batch:
    """One step's examples, cut to the drawn elements, and which of the grid they are (None: all, or free ones)."""

    examples: Examples
    elements: Int[Tensor, "m"] | None


def batch_at(data: DataSet, recipe: Recipe, step: int, process: int = 0, processes: int = 1) -> Batch:
    """The batch of a step on one of several processes: a function of its arguments alone."""
    generator = torch.Generator().manual_seed((recipe.seed * 1_000_003 + step) * 1_009 + process)
    examples = data.batch(recipe.batch // processes, recipe.augmentation, generator)
    if recipe.elements is None or recipe.elements >= recipe.model.num_inputs:
        return Batch(examples, None)
    elements = torch.randperm(recipe.model.num_inputs, generator=generator)[: recipe.elements]
    coordinates = None if examples.coordinates is None else examples.coordinates[:, elements]
    drawn = dataclasses.replace(examples, content=examples.content[:, elements], coordinates=coordinates)
    return Batch(drawn, elements if coordinates is None else None)


def train(
    recipe: Recipe,
    source: Path,
    folder: Path,
    *,
    resume: bool = True,
    save_every: float = 120.0,
    report_every: int = 50,
    report: Callable[[Progress], None] | None = None,
    stop_after: int | None = None,
) -> Outcome:
    """Trains a recipe on the data in `source` and keeps a resumable state in `folder`.

    save_every  seconds between two savings of the state
    stop_after  leave after this step with the state saved, as an interruption would

    Raises DataError without data, CheckpointError when `folder` holds the state of another recipe.
    """
    # The bias of absorbed keys moves all scores of a latent alike and gets no gradient.
    handlers = [DistributedDataParallelKwargs(find_unused_parameters=True)]
    accelerator = Accelerator(
        cpu=not torch.cuda.is_available(), mixed_precision=recipe.precision, kwargs_handlers=handlers
    )
    torch.manual_seed(recipe.seed)
    data = open_set(source, TRAIN, recipe.model)
    model = Perceiver(recipe.model)
    average = copy.deepcopy(model).requires_grad_(False).to(accelerator.device)
    optimiser = Lamb(model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    folder.mkdir(parents=True, exist_ok=True)
    state = folder / "state.pt"
    step, spent = 0, 0.0
    if resume and state.is_file():
        step, spent = _restore(state, recipe, model, average, optimiser)
    wrapped, optimiser = accelerator.prepare(model, optimiser)
    end = min(recipe.steps, stop_after if stop_after is not None else recipe.steps)
    rank, ranks = accelerator.process_index, accelerator.num_processes

    start = saved = time.monotonic()
    since, losses, hits = step, torch.zeros(()), torch.zeros(())
    mark = start
    with ThreadPoolExecutor(1) as ahead:
        upcoming = ahead.submit(batch_at, data, recipe, step, rank, ranks)
        while step < end:
            batch = upcoming.result()
            if step + 1 < end:
                upcoming = ahead.submit(batch_at, data, recipe, step + 1, rank, ranks)
            loss, correct = _step(accelerator, wrapped, optimiser, recipe, batch, step)
            _update_average(average, model, min(recipe.averaging, (1 + step) / (10 + step)))
            step += 1
            losses, hits = losses + loss.cpu(), hits + correct.cpu()
            now = time.monotonic()
            if report is not None and accelerator.is_main_process and (step % report_every == 0 or step == end):
                done, took = step - since, now - mark
                report(
                    Progress(
                        step=step,
                        steps=recipe.steps,
                        loss=float(losses) / done,
                        accuracy=float(hits) / done,
                        samples_per_second=done * recipe.batch / took,
                        seconds=spent + now - start,
                        seconds_left=(recipe.steps - step) * took / done,
                        learning_rate=recipe.rate(step - 1),
                    )
                )
                since, mark, losses, hits = step, now, torch.zeros(()), torch.zeros(())
            if accelerator.is_main_process and (now - saved > save_every or step == end):
                _save(state, recipe, step, spent + now - start, model, average, optimiser)
                saved = now
    accelerator.wait_for_everyone()
    seconds = spent + time.monotonic() - start
    return Outcome(model=average.cpu().eval(), seconds=seconds, leads=accelerator.is_main_process)


def _step(
    accelerator: Accelerator,
    model: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    recipe: Recipe,
    batch: Batch,
    step: int,
) -> tuple[Tensor, Tensor]:
    for group in optimiser.param_groups:
        group["lr"] = recipe.rate(step)
    plain: Perceiver = accelerator.unwrap_model(model)
    examples, device = batch.examples, accelerator.device
    label = examples.label.to(device)
    if examples.coordinates is not None:
        codes = plain.encoding.at(examples.coordinates.to(device))
    else:
        codes = plain.encoding.grid().to(device)
        codes = (codes if batch.elements is None else codes[batch.elements.to(device)]).unsqueeze(0)
    with accelerator.autocast():
        logits = model(plain.input_array(examples.content.to(device), codes))
    loss = F.cross_entropy(logits.float(), label, label_smoothing=recipe.smoothing)
    optimiser.zero_grad()
    accelerator.backward(loss)
    accelerator.clip_grad_norm_(model.parameters(), recipe.clip)
    optimiser.step()
    return loss.detach(), (logits.argmax(-1) == label).float().mean()


@torch.no_grad()
def _update_average(average: Perceiver, model: Perceiver, decay: float) -> None:
    # lerp over all tensors at once; the decay grows from 0.1 so that the random start is forgotten at once.
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)


def _save(
    path: Path,
    recipe: Recipe,
    step: int,
    seconds: float,
    model: Perceiver,
    average: Perceiver,
    optimiser: torch.optim.Optimizer,
) -> None:
    part = path.with_suffix(".part")
    torch.save(
        {
            "recipe": _fingerprint(recipe),
            "step": step,
            "seconds": seconds,
            "model": model.state_dict(),
            "average": average.state_dict(),
            "optimiser": optimiser.state_dict(),
        },
        part,
    )
    os.replace(part, path)  # a state is whole or not there


def _restore(
    path: Path, recipe: Recipe, model: Perceiver, average: Perceiver, optimiser: torch.optim.Optimizer
) -> tuple[int, float]:
    state = torch.load(path, map_location="cpu", weights_only=True)
    if state["recipe"] != _fingerprint(recipe):
        raise CheckpointError(f"{path.parent} holds a run of another recipe; choose another folder or start afresh")
    model.load_state_dict(state["model"])
    average.load_state_dict(state["average"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"]), float(state["seconds"])


def _fingerprint(recipe: Recipe) -> str:
    return repr(recipe.to_dict())
