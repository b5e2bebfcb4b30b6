"""What a teacher of point clouds computes, reads and passes on."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from perceiver.positions import FourierConfig
from perceiver.training import loop
from perceiver.training.recipe import Recipe
from perceiver.training.sets import TRAIN, CloudAugmentation, Examples, open_set
from perceiver.training.teacher import PointNet, Teacher, Trained, teacher_input, train_teacher

from .test_loop import small

STILL = CloudAugmentation(scale=(1.0, 1.0), turn=0.0, stretch=(1.0, 1.0), jitter=0.0)
POINTS, ELEMENTS = 96, 64


def write_boxes(folder: Path) -> Path:
    """Eight flat boxes (class 0) and eight upright ones (class 1), all to train on."""
    rng = np.random.default_rng(0)
    labels = np.arange(16) % 2
    sizes = np.where(labels[:, None] == 0, (1.0, 0.2, 0.8), (0.4, 1.0, 0.3))
    clouds = rng.uniform(-1, 1, (16, 2 * POINTS, 3)) * sizes[:, None]
    np.savez(
        folder / "points.npz",
        points=clouds.astype(np.float16),
        label=labels,
        split=np.zeros(16, np.int8),
        group=np.arange(16),
        classes=np.array(["flat", "upright"]),
    )
    return folder


def box_recipe(**changes: object) -> Recipe:
    model = dataclasses.replace(
        small().model,
        labels=("flat", "upright"),
        modality="points",
        input_shape=(POINTS,),
        content_channels=0,
        position_axes=3,
        positions=FourierConfig(num_bands=2, max_resolution=(8.0, 8.0, 8.0)),
        plan=((0, 0),),
        preprocess={"up": "y"},
    )
    values: dict[str, object] = {"model": model, "steps": 40, "elements": ELEMENTS, "augmentation": STILL}
    values |= {"optimiser": "adamw", "schedule": "cosine", "averaging": 0.8}
    return small(**(values | changes))


def test_a_point_net_is_layers_of_each_point_their_maximum_and_a_head() -> None:
    torch.manual_seed(0)
    net = PointNet(3, (4, 6)).double()
    with torch.no_grad():  # norms that change something
        for module in net.modules():
            if isinstance(module, nn.BatchNorm1d):
                for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                    tensor.uniform_(0.5, 1.5)
    net.eval()
    cloud = torch.rand(1, 7, 3, dtype=torch.float64) * 2 - 1

    def normed(norm: nn.BatchNorm1d, x: Tensor) -> Tensor:
        return (x - norm.running_mean) / (norm.running_var + norm.eps).sqrt() * norm.weight + norm.bias

    greatest = torch.full((6,), -torch.inf, dtype=torch.float64)
    for point in cloud[0]:
        x = point
        for layer in net.layers:
            x = normed(layer[1], layer[0].weight[:, :, 0] @ x + layer[0].bias).clamp(min=0)
        greatest = torch.maximum(greatest, x)
    first, norm, _, _, last = net.head
    hidden = normed(norm, first.weight @ greatest + first.bias).clamp(min=0)
    with torch.no_grad():
        torch.testing.assert_close(net(cloud)[0], last.weight @ hidden + last.bias)


def test_a_teacher_reads_the_chosen_points_or_the_whole_grid() -> None:
    label = torch.zeros(2, dtype=torch.long)
    coordinates, content = torch.rand(2, 5, 3), torch.rand(2, 5, 1)
    chosen = torch.tensor([4, 0])
    clouds = Examples(content[..., :0], label, label, coordinates)
    assert torch.equal(teacher_input(clouds, chosen), coordinates[:, [4, 0]])
    assert torch.equal(teacher_input(clouds), coordinates)
    assert torch.equal(teacher_input(Examples(content, label, label), chosen), content)


def test_a_teacher_of_clouds_learns_them_from_some_points_of_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERCEIVER_DATA", str(tmp_path / "cache"))
    data, recipe, seen = write_boxes(tmp_path), box_recipe(), list[int]()
    forward = PointNet.forward
    monkeypatch.setattr(PointNet, "forward", lambda net, x: (seen.append(x.shape[1]), forward(net, x))[1])
    asked = Teacher(steps=60, batch=8, widths=(8, 16), elements=32)
    taught = train_teacher(asked, recipe.model, data, STILL)
    assert set(seen) == {32}
    assert taught.accuracy is None  # no validation split
    examples = open_set(data, TRAIN, recipe.model).held_out()
    assert (taught.net(teacher_input(examples)).argmax(-1) == examples.label).float().mean() == 1


def test_a_perceiver_of_clouds_follows_its_teacher_against_the_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Contrary(nn.Module):
        """Calls a flat box upright and an upright one flat, by the largest height of a point."""

        def forward(self, coordinates: Tensor) -> Tensor:
            assert coordinates.shape == (8, ELEMENTS, 3)
            upright = coordinates[..., 1].abs().amax(1) > 0.6
            return torch.stack([upright * 8.0, ~upright * 8.0], dim=1)

    monkeypatch.setattr(loop, "train_teacher", lambda *_, **__: Trained(Contrary(), None))
    data, recipe = write_boxes(tmp_path), box_recipe(teacher=Teacher(weight=1.0))
    model = loop.train(recipe, data, tmp_path / "run").model
    examples = open_set(data, TRAIN, recipe.model).held_out()
    with torch.no_grad():
        assert (model(examples.inputs(model)).argmax(-1) == 1 - examples.label).all()
