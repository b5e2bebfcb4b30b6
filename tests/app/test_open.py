"""Opening a checkpoint in Streamlit's harness: from a path, from files, from the hub, and by a link."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from streamlit.testing.v1 import AppTest

from app.services import checkpoints as registry
from app.services import public
from app.services.checkpoints import LOCAL_PATHS
from perceiver import HubUnreachableError
from perceiver.checkpoints import HubOptions, hub
from perceiver.checkpoints.hub import Listing
from perceiver.progress import ProgressCallback
from tests.app.pages import control, opened, said
from tests.peers.lucidrains_golden import filled, shared

COMMIT = "c" * 40
ID = "someone/perceiver"


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    registry._known.clear()
    yield
    registry._known.clear()


@pytest.fixture
def page(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv(LOCAL_PATHS, "1")
    return opened(app, "open")


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def explored(app: AppTest) -> AppTest:
    """The page that opening leads to: the harness stays on the one that was left."""
    app.switch_page("app/pages/explore.py")
    return app.run()


def table(app: AppTest) -> dict[str, str]:
    (frame,) = [one.value for one in app.table]
    return {row["What"].strip("*"): row["Value"].replace("\\", "") for _, row in frame.iterrows()}


def test_a_folder_is_told_then_opened_and_can_be_chosen_everywhere(page: AppTest, checkpoints: Path) -> None:
    page.segmented_control(key="open_from").set_value("path").run()
    page.text_input(key="open_path").set_value(str(checkpoints / "image-learned"))
    press(page, "Look at it")
    told = table(page)
    assert told["Format"] == "Perceiver Lens"
    assert told["Reads"].startswith("image, 8 × 12 elements")
    press(page, "Open")
    assert not page.exception
    key = page.session_state["view"]["model"]
    assert key.startswith("path:")
    explored(page)
    assert not page.exception
    assert control(page, "model").value == key
    assert control(page, "model").options == ["image-fourier", "image-learned", "image-learned"]
    assert "No held-out results" in said(page)
    assert str(checkpoints) not in str(dict(page.query_params.items()))


def test_a_path_that_is_none_is_said_beside_the_field(page: AppTest) -> None:
    page.segmented_control(key="open_from").set_value("path").run()
    page.text_input(key="open_path").set_value("/nowhere/at/all")
    press(page, "Look at it")
    assert "/nowhere/at/all cannot be read: No such file or directory." in said(page)
    assert "Open" not in labels(page)


def test_where_the_app_is_public_no_path_can_be_given(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOCAL_PATHS, "0")
    opened(app, "open")
    assert app.segmented_control(key="open_from").options == ["From the hub", "Upload"]


def lucid(folder: Path) -> bytes:
    """Weights of perceiver-pytorch without the arguments they need."""
    peers = pytest.importorskip("perceiver_pytorch")
    model = peers.Perceiver(
        num_freq_bands=3, depth=2, max_freq=8.0, input_channels=3, input_axis=2, num_latents=4, latent_dim=16,
        cross_heads=1, latent_heads=2, cross_dim_head=64, latent_dim_head=8, num_classes=3,
    )  # fmt: skip
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    torch.save(
        {name: torch.from_numpy(values) for name, values in filled(shapes, shared(model)).items()}, folder / "model.pt"
    )
    return (folder / "model.pt").read_bytes()


def test_an_upload_asks_what_its_file_does_not_tell(page: AppTest, tmp_path: Path) -> None:
    page.segmented_control(key="open_from").set_value("upload").run()
    page.file_uploader(key="open_files").set_value([("mine.pt", lucid(tmp_path), "application/octet-stream")]).run()
    assert not page.exception, page.exception
    assert table(page)["Format"] == "perceiver-pytorch (lucidrains)"
    assert next(button for button in page.button if button.label == "Open").disabled
    answers: dict[str, Any] = {"input_shape": "6 x 7", "max_freq": 8.0, "latent_heads": 3}

    def asked(name: str) -> Any:
        return next(one for one in (*page.text_input, *page.number_input) if str(one.key).endswith(f"_{name}"))

    for name, value in answers.items():
        asked(name).set_value(value).run()
    assert "latent_heads is 3" in said(page)
    asked("latent_heads").set_value(2).run()
    assert table(page)["Reads"].startswith("image, 6 × 7 elements")
    press(page, "Open")
    assert not page.exception
    explored(page)
    assert control(page, "model").options[-1] == "mine.pt (uploaded)"
    assert not page.exception
    assert "class " in said(page)


def test_an_upload_with_an_average_lets_one_choose(page: AppTest, checkpoints: Path, tmp_path: Path) -> None:
    folder = checkpoints / "image-learned"
    trained = load_file(folder / "model.safetensors")
    torch.save({"model": trained, "model_ema": {n: t + 0.01 for n, t in trained.items()}}, tmp_path / "last.pt")
    uploaded = [("last.pt", (tmp_path / "last.pt").read_bytes(), "application/octet-stream")]
    uploaded.append(("config.json", (folder / "config.json").read_bytes(), "application/json"))
    page.segmented_control(key="open_from").set_value("upload").run()
    page.file_uploader(key="open_files").set_value(uploaded).run()
    assert not page.exception, page.exception
    assert "Took the weights model, and also holds model" in said(page)
    (control,) = [one for one in (*page.selectbox, *page.segmented_control) if str(one.key).endswith("_weights")]
    assert (control.value, control.options) == ("model", ["model", "model\\_ema"])
    control.set_value("model_ema").run()
    press(page, "Open")
    assert not page.exception, page.exception
    explored(page)
    assert not page.exception, page.exception


@pytest.fixture
def on_hub(checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """A repository that is looked up, fetched and loaded from a folder of this machine; counts what was asked."""
    asked = {"looked": 0, "fetched": 0}
    folder = checkpoints / "image-learned"

    def look(repo_id: str, options: HubOptions) -> Listing:
        if repo_id != ID or (options.local_files_only and not asked["fetched"]):
            raise HubUnreachableError(
                f"{repo_id} is not on this machine and the hub cannot be reached", "connect to the network"
            )
        asked["looked"] += not options.local_files_only
        return Listing(ID, COMMIT, {"model_type": "perceiver"}, "model.safetensors", 1234567, asked["fetched"] > 0)

    def fetch(repo_id: str, options: HubOptions, progress: ProgressCallback | None) -> Path:
        assert (repo_id, options) == (ID, HubOptions(revision=COMMIT))
        if progress is not None and not asked["fetched"]:
            progress(0.5, "Fetching")
            asked["fetched"] += 1
        return folder

    monkeypatch.setattr(hub, "look", look)
    monkeypatch.setattr(hub, "fetch", fetch)
    return asked


def finish(app: AppTest) -> AppTest:
    """Waits until what is fetched is here."""
    for _ in range(50):
        if "Open" in labels(app):
            break
        app.run()
    return app


def test_a_repository_is_looked_up_fetched_told_and_opened(page: AppTest, on_hub: dict[str, int]) -> None:
    page.text_input(key="open_repository").set_value(f"https://huggingface.co/{ID}")
    press(page, "Look it up")
    assert table(page)["Weights"] == "model.safetensors, 1.2 MB"
    assert on_hub == {"looked": 1, "fetched": 0}
    press(page, "Fetch 1.2 MB")
    finish(page)
    assert on_hub["fetched"] == 1
    assert table(page)["Latents"] == "5 of width 16"
    press(page, "Open")
    assert page.session_state["view"]["model"] == ID
    explored(page)
    assert not page.exception
    assert control(page, "model").options[-1] == ID


def test_a_link_fetches_nothing_that_is_not_asked_for(app: AppTest, on_hub: dict[str, int]) -> None:
    opened(app, "explore", model=ID, sample="lamp-1", colours="greys")
    assert on_hub == {"looked": 0, "fetched": 0}
    assert "Nothing is fetched before you ask" in said(app)
    press(app, "Look it up")
    press(app, "Fetch 1.2 MB")
    finish(app)
    press(app, "Open")
    assert not app.exception
    view = app.session_state["view"]
    assert (view["model"], view["sample"], view["colours"]) == (ID, "lamp-1", "greys")
    assert control(app, "model").value == ID


def test_a_link_can_be_left_for_a_model_that_is_here(app: AppTest, on_hub: dict[str, int]) -> None:
    opened(app, "compare", model="image-fourier", others=f"image-learned,{ID}")
    press(app, "Show image\\-fourier instead")
    assert app.session_state["view"]["others"] == ("image-learned",)
    assert not app.exception


def test_a_model_that_another_session_opened_is_there_at_once(
    app: AppTest, on_hub: dict[str, int], checkpoints: Path
) -> None:
    source = registry.on_hub(registry.Hub(ID), COMMIT)
    registry.keep(source, {}, source.look({}))
    opened(app, "explore", model=ID)
    assert control(app, "model").value == ID


def test_without_a_network_it_says_what_can_be_done(page: AppTest, on_hub: dict[str, int]) -> None:
    page.text_input(key="open_repository").set_value("another/one")
    press(page, "Look it up")
    words = said(page)
    assert "another/one is not on this machine and the hub cannot be reached." in words
    assert "upload the files of one" in words


@pytest.mark.parametrize("text", ["nonsense", "a/b/c", "a b/c"])
def test_what_is_no_repository_is_said(page: AppTest, text: str) -> None:
    page.text_input(key="open_repository").set_value(text)
    press(page, "Look it up")
    assert "looks like owner/name" in said(page)


def test_files_of_other_sessions_are_not_here(app: AppTest) -> None:
    opened(app, "explore", model="upload:" + "0" * 64)
    assert "names a model that is not here" in said(app)


def test_too_large_a_repository_is_not_fetched(
    page: AppTest, on_hub: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public, "_OWN", public.Limits(fetched_bytes=1000))
    page.text_input(key="open_repository").set_value(ID)
    press(page, "Look it up")
    assert "the most that is fetched here" in said(page)
    assert not [label for label in labels(page) if label.startswith("Fetch")]
