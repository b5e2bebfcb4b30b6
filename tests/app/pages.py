"""Pages in Streamlit's own harness: opened with an address, read, and changed as a click would."""

from __future__ import annotations

import re
from typing import Any

from streamlit.testing.v1 import AppTest


def opened(app: AppTest, page: str, **query: str) -> AppTest:
    """A page with an address, run to its end."""
    app.switch_page(f"app/pages/{page}.py")
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def said(app: AppTest) -> str:
    """What the page says, all headings, texts and captions."""
    parts = (app.header, app.subheader, app.markdown, app.caption, app.error, app.info)
    return "\n".join(element.value for kind in parts for element in kind).replace("\\", "")


def control(app: AppTest, field: str) -> Any:
    """The widget of a value of the view; its key ends with a number once something else has set the value."""
    key = re.compile(rf"control_{field}(_\d+)?")
    kinds = (app.selectbox, app.segmented_control, app.slider, app.number_input)
    (found,) = [one for kind in kinds for one in kind if key.fullmatch(one.key or "")]
    return found


def change(app: AppTest, **values: object) -> AppTest:
    """What a component's callback does: the harness cannot click inside components."""
    app.session_state["view"] = {**app.session_state["view"], **values}
    return app.run()
