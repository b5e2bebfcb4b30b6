"""Files of trainers that hold an average of the weights beside them: it is said, and any set can be chosen."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

import perceiver
from perceiver import CheckpointError, Perceiver
from perceiver.checkpoints import inspect
from perceiver.checkpoints.folder import write_config
from tests.checkpoints.formats.test_hostile import LUCIDRAINS, lucidrains_names, made

State = dict[str, Tensor]


def averaged(state: Mapping[str, Tensor]) -> State:
    """Other weights, of which no two tensors differ from the trained ones alike."""
    return {name: tensor + 0.01 * (i + 1) for i, (name, tensor) in enumerate(state.items())}


def prefixed(prefix: str, state: Mapping[str, Tensor]) -> State:
    return {f"{prefix}{name}": tensor for name, tensor in state.items()}


def wrapped(state: Mapping[str, Tensor]) -> State:
    """With the names that sharding and checkpointing of activations give a part of the model."""
    return {
        f"_fsdp_wrapped_module.{name}".replace("towers.0.", "towers.0._checkpoint_wrapped_module."): tensor
        for name, tensor in state.items()
    }


def nemo(state: State, average: State) -> Any:
    optimiser = {"state": {0: {"exp_avg": torch.ones(2)}}, "ema": tuple(average.values())}
    return {"state_dict": state, "optimizer_states": [optimiser], "epoch": 1}


def torch_ema(state: State, average: State) -> Any:
    shadow = {"decay": 0.99, "num_updates": 7, "shadow_params": list(average.values()), "collected_params": None}
    return {"model": state, "ema": shadow}


def lightning_swa(state: State, average: State) -> Any:
    swa = {"n_averaged": torch.tensor(3), "latest_update_epoch": 2, "average_model_state": average}
    callbacks = {"ModelCheckpoint{'monitor': 'loss'}": {"best": torch.tensor(1.0)}, "StochasticWeightAveraging": swa}
    return {"state_dict": state, "callbacks": callbacks, "pytorch-lightning_version": "2.6.0"}


def lightning_average(state: State, average: State) -> Any:
    return {"state_dict": average, "current_model_state": state, "averaging_state": {"n_averaged": torch.tensor(4)}}


def counted(state: State) -> State:
    """As torch's AveragedModel has it."""
    return {"n_averaged": torch.tensor(5), **prefixed("module.", state)}


def ema_pytorch(state: State, average: State) -> Any:
    counters = {"initted": torch.tensor(True), "step": torch.tensor(100)}
    return {**prefixed("online_model.", state), **prefixed("ema_model.", average), **counters}


def lit_ema(state: State, average: State) -> Any:
    held = {name.replace(".", ""): tensor for name, tensor in average.items()}
    held |= {"decay": torch.tensor(0.9999), "num_updates": torch.tensor(9, dtype=torch.int)}
    return {"state_dict": {**prefixed("model.", state), **prefixed("model_ema.", held)}}


LAYOUTS: dict[str, tuple[Callable[[State, State], Any], str, str]] = {
    # how it is stored; the names of the trained weights and of their average
    "timm": (lambda s, a: {"state_dict": s, "state_dict_ema": a, "epoch": 3}, "state_dict", "state_dict_ema"),
    "torchvision": (lambda s, a: {"model": s, "model_ema": counted(a)}, "model", "model_ema"),
    "Lightning's callback": (lightning_swa, "state_dict", "callbacks.StochasticWeightAveraging.average_model_state"),
    "Lightning's average": (lightning_average, "current_model_state", "state_dict"),
    "a tuple in an optimiser's state": (nemo, "state_dict", "optimizer_states.0.ema"),
    "a list": (torch_ema, "model", "ema.shadow_params"),
    "ema-pytorch": (ema_pytorch, "online_model", "ema_model"),
    "ema-pytorch inside Lightning": (
        lambda s, a: {"state_dict": {**prefixed("net.", s), **prefixed("ema.ema_model.", a)}},
        "state_dict",
        "state_dict.ema.ema_model",
    ),
    "names without dots": (lit_ema, "state_dict", "state_dict.model_ema"),
    "beside the top level": (lambda s, a: {**s, "ema": a}, "top", "ema"),
    "a prefix at the top level": (lambda s, a: {**s, **prefixed("swa_model.module.", a)}, "top", "swa_model"),
    "student and teacher": (lambda s, a: {"student": prefixed("module.", s), "teacher": a}, "student", "teacher"),
    "DeepSpeed": (lambda s, a: {"module": s, "ema_module": wrapped(a)}, "module", "ema_module"),
    "an optimiser's copy": (
        lambda s, a: {"model": s, "optimizer": {"ema_weights": a}},
        "model",
        "optimizer.ema_weights",
    ),
}


def stored(value: Any, model: Perceiver, tmp_path: Path, name: str = "last.ckpt") -> Path:
    path = tmp_path / name
    if path.suffix == ".safetensors":
        save_file({key: tensor.contiguous() for key, tensor in value.items()}, path)
    else:
        torch.save(value, path)
    write_config(tmp_path / "config.json", model.config)
    return path


def holds(model: Perceiver, state: Mapping[str, Tensor]) -> bool:
    mine = model.state_dict()
    return mine.keys() == state.keys() and all(torch.equal(mine[name], state[name]) for name in mine)


def state_of(model: Perceiver) -> State:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_both_sets_are_said_and_can_be_chosen(layout: str, model: Perceiver, tmp_path: Path) -> None:
    make, trained, average = LAYOUTS[layout]
    state = state_of(model)
    path = stored(make(state, averaged(state)), model, tmp_path)
    default, other = (average, trained) if layout == "Lightning's average" else (trained, average)
    found = inspect(path)
    (option,) = found.options
    assert (option.name, option.default, set(option.choices)) == ("weights", default, {trained, average})
    assert found.values == {"weights": default}
    said = (
        f"took the weights {default}, and also holds {other}, which fits the model as well; the option weights chooses"
    )
    assert said in found.notes
    assert found.parameters == sum(tensor.numel() for tensor in state.values())
    assert holds(perceiver.load(path), state if default == trained else averaged(state))
    assert holds(perceiver.load(path, options={"weights": trained}), state)
    chosen = perceiver.open(path, options={"weights": average})
    assert holds(chosen.model, averaged(state))
    assert any(note.startswith(f"took the weights {average}, and also holds {trained}") for note in chosen.model.notes)


def test_torchs_averaged_model_beside_the_model_and_alone(model: Perceiver, tmp_path: Path) -> None:
    average = AveragedModel(model)
    average.update_parameters(model)
    with torch.no_grad():
        for parameter in average.parameters():
            parameter.add_(0.5)
    expected = {name: tensor + 0.5 for name, tensor in state_of(model).items()}
    path = stored({"model": state_of(model), "swa": average.state_dict()}, model, tmp_path)
    assert holds(perceiver.load(path, options={"weights": "swa"}), expected)
    alone = stored(average.state_dict(), model, tmp_path, "alone.pt")
    assert inspect(alone).options == ()
    assert "left out what counts steps and averages (n_averaged)" in inspect(alone).notes
    assert holds(perceiver.load(alone), expected)


def test_what_torchs_averaging_optimiser_keeps(model: Perceiver, tmp_path: Path) -> None:
    trained = perceiver.Perceiver(model.config)
    trained.load_state_dict(model.state_dict())
    optimiser = torch.optim.ASGD(trained.parameters(), lr=0.1, t0=0.0)
    for step in range(3):
        for parameter in trained.parameters():
            parameter.grad = torch.full_like(parameter, 1.0 + step)
        optimiser.step()
    path = stored({"state_dict": trained.state_dict(), "optimizer": optimiser.state_dict()}, model, tmp_path)
    assert inspect(path).options[0].choices == ("state_dict", "optimizer.state.ax")
    chosen = perceiver.load(path, options={"weights": "optimizer.state.ax"})
    expected = [optimiser.state[parameter]["ax"] for parameter in trained.parameters()]
    assert holds(chosen, {name: t for (name, _), t in zip(trained.named_parameters(), expected, strict=True)})
    assert not holds(chosen, trained.state_dict())


def test_an_average_of_a_part(model: Perceiver, tmp_path: Path) -> None:
    state = state_of(model)
    part = {name: tensor for name, tensor in averaged(state).items() if name.startswith("towers.")}
    path = stored({"state_dict": state, "ema": part}, model, tmp_path)
    assert holds(perceiver.load(path), state)
    chosen = perceiver.load(path, options={"weights": "ema"})
    assert holds(chosen, state | part)
    assert (
        f"took {len(part)} of {len(state)} tensors from ema, which has no more, and the others from state_dict"
        in chosen.notes
    )


def test_a_safetensors_file_with_prefixes(model: Perceiver, tmp_path: Path) -> None:
    state = state_of(model)
    path = stored(ema_pytorch(state, averaged(state)), model, tmp_path, "model.safetensors")
    assert inspect(path).values == {"weights": "online_model"}
    assert holds(perceiver.load(path, options={"weights": "ema_model"}), averaged(state))


def test_a_list_without_what_is_no_parameter_and_with_tied_weights_once(tmp_path: Path) -> None:
    """Tied weights stand twice in a state dict and once among parameters; statistics stand in the first alone."""
    names = lucidrains_names()
    state = made(names)
    for name in names:
        if name.startswith("layers.2."):
            state[name] = state[name.replace("layers.2.", "layers.1.")]
    parameters = [name for name in names if not name.startswith("layers.2.")]
    shadow = [state[name] * 2 for name in parameters]
    torch.save({"model": state, "ema": {"shadow_params": shadow}}, tmp_path / "last.pt")
    (tmp_path / "last.json").write_text(json.dumps(LUCIDRAINS))
    ours = perceiver.load(tmp_path / "last.pt")
    chosen = perceiver.load(tmp_path / "last.pt", options={"weights": "ema.shadow_params"})
    assert chosen.config.plan == ours.config.plan == ((0, 0), (1, 1), (1, 1))
    for name, tensor in ours.state_dict().items():
        assert torch.equal(chosen.state_dict()[name], 2 * tensor)


@pytest.mark.parametrize("case", ["turned", "short", "other names"])
def test_what_does_not_fit_is_said_and_cannot_be_chosen(case: str, model: Perceiver, tmp_path: Path) -> None:
    state = state_of(model)
    tensors = list(averaged(state).values())
    other: dict[str, tuple[Any, str, int]] = {
        "turned": ({"shadow_params": tensors[::-1]}, "ema.shadow_params", len(tensors)),
        "short": ({"shadow_params": tensors[:5]}, "ema.shadow_params", 5),
        "other names": ({"encoder.weight": torch.ones(3)}, "ema", 1),
    }
    ema, name, count = other[case]
    path = stored({"model": state, "ema": ema}, model, tmp_path)
    assert inspect(path).options == ()
    if case != "short":
        assert f"also holds {count} tensors under {name}, which do not fit the model" in inspect(path).notes
    with pytest.raises(CheckpointError, match="holds one set of weights alone"):
        perceiver.load(path, options={"weights": name})
    assert holds(perceiver.load(path), state)


def test_which_of_two_models_is_asked(model: Perceiver, tmp_path: Path) -> None:
    state = state_of(model)
    path = stored({"first": state, "second": averaged(state)}, model, tmp_path)
    found = inspect(path)
    assert [option.name for option in found.open_options] == ["weights"]
    assert found.config is None
    with pytest.raises(CheckpointError, match="does not tell weights \\(Set of weights\\)"):
        perceiver.load(path)
    assert holds(perceiver.load(path, options={"weights": "second"}), averaged(state))
    with pytest.raises(CheckpointError, match="weights is 'third'; it must be 'first' or 'second'"):
        perceiver.load(path, options={"weights": "third"})


def test_the_same_weights_under_two_names_are_one_set(model: Perceiver, tmp_path: Path) -> None:
    state = state_of(model)
    path = stored({"model": state, "state_dict": dict(state), "ema": averaged(state)}, model, tmp_path)
    assert inspect(path).options[0].choices in (("model", "ema"), ("state_dict", "ema"))


def test_a_perceiver_among_other_models(tmp_path: Path) -> None:
    state = made(lucidrains_names())
    other = {f"conv{i}.weight": torch.ones(2, 2) for i in range(len(state))}
    torch.save({"generator": prefixed("net.", state), "discriminator": other}, tmp_path / "gan.pt")
    (tmp_path / "gan.json").write_text(json.dumps(LUCIDRAINS))
    found = inspect(tmp_path / "gan.pt")
    assert found.family == "lucidrains"
    assert f"also holds {len(other)} tensors under discriminator, which do not fit the model" in found.notes
    ours = perceiver.load(tmp_path / "gan.pt")
    assert torch.equal(ours.state_dict()["latents"], state["latents"])


@pytest.mark.parametrize(
    "prefix", ["net.", "perceiver.", "lens.net.", "_forward_module.model.", "_fsdp_wrapped_module."]
)
def test_names_inside_another_module(prefix: str, tmp_path: Path) -> None:
    state = made(lucidrains_names())
    torch.save(prefixed(prefix, state), tmp_path / "a.pt")
    (tmp_path / "a.json").write_text(json.dumps(LUCIDRAINS))
    found = inspect(tmp_path / "a.pt")
    assert any(note.startswith("removed wrappers' prefixes from") for note in found.notes)
    assert torch.equal(perceiver.load(tmp_path / "a.pt").state_dict()["latents"], state["latents"])
