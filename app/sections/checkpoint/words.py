"""Messages while a checkpoint is looked for and opened."""

from __future__ import annotations

import streamlit as st

from perceiver.errors import CheckpointError, HubUnreachableError

from ...services import checkpoints
from ...session import text

FORMATS = (
    "What can be opened: classifiers saved by Hugging Face Transformers (DeepMind’s Perceiver IO), by krasserm’s "
    "perceiver-io, by lucidrains’ perceiver-pytorch, and by Perceiver Lens itself. Weights may be safetensors files or "
    "what `torch.save` wrote; nothing in them is ever run."
)


def refused(error: CheckpointError) -> None:
    """Shows why a checkpoint cannot be opened, and without a connection to the hub what can be done instead."""
    if not isinstance(error, HubUnreachableError):
        st.error(text.remark(str(error)), icon=":material/error:")
        return
    # The error's own advice is to give a path, which not every visitor may do.
    instead = ["upload the files of one"]
    if checkpoints.local_paths():
        instead.append("give the path of a folder on this machine")
    st.error(text.remark(error.cause), icon=":material/cloud_off:")
    st.caption(
        "Without the hub you can still open what this machine has fetched before, "
        f"{text.listed([*instead[:-1], f'or {instead[-1]}']) if len(instead) > 1 else f'or {instead[0]}'}."
    )


def megabytes(size: int) -> str:
    """A file's size in words."""
    return f"{size / 1e6:,.0f} MB" if size >= 10_000_000 else f"{size / 1e6:,.1f} MB"


def table(rows: list[tuple[str, str]]) -> None:
    """Two columns: what, and its value."""
    columns = {
        "What": [f"**{text.plain(name)}**" for name, _ in rows],
        "Value": [text.plain(value) for _, value in rows],
    }
    with st.container(key="summary"):
        st.table(columns, border="horizontal", hide_index=True, hide_header=True)
