"""Pages in Streamlit's own harness: opened with an address, read, and changed as a click would."""

from __future__ import annotations

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


def change(app: AppTest, **values: object) -> AppTest:
    """What a component's callback does: the harness cannot click inside components."""
    app.session_state["view"] = {**app.session_state["view"], **values}
    return app.run()
