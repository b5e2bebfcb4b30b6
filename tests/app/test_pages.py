"""What all pages have in common: what is chosen on one is still chosen on the others."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from tests.app.pages import change, opened


def address(app: AppTest) -> dict[str, str]:
    return {name: value if isinstance(value, str) else value[-1] for name, value in app.query_params.items()}


def test_what_is_chosen_on_a_page_is_kept_on_the_others(app: AppTest) -> None:
    link = {"model": "image-fourier", "sample": "lamp-1", "block": "2", "ablate": "b1:3", "target": "3"}
    opened(app, "ablate", **link)
    assert address(app) == link
    opened(app, "explore")
    assert address(app) == link
    change(app, show="first")
    opened(app, "explain")
    assert app.selectbox(key="asked").value == 2
    opened(app, "ablate")
    assert address(app) == link | {"show": "first"}
    assert not app.exception


def test_another_model_and_another_sample_forget_what_belonged_to_them(app: AppTest) -> None:
    opened(
        app, "ablate", sample="lamp-1", block="3", head="1", latent="2", pick="7", ablate="b1:3", target="3", part="2"
    )
    app.selectbox(key="control_model").set_value("image-learned").run()
    assert not app.exception
    # The marked element is forgotten too: on another grid the same number is another place.
    assert address(app) == {"model": "image-learned", "sample": "lamp-1", "block": "3"}
