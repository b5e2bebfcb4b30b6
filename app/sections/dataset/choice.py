"""The choice of a checkpoint and of the data it is analysed over, in the sidebar."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from perceiver.dataset import DataSetAnalysis
from perceiver.errors import InputError

from ... import views
from ...services import checkpoints, dataset, models, samples
from ...services.checkpoints import Hub
from ...services.dataset import FolderAnalysis
from ...session import state, text
from ...session.rules import Limits
from ...session.view import DataSetView
from ...views.base import ModalityView
from ..checkpoint.offer import offer
from ..model_choice import choose_model
from ..on_request import Request

SOURCES = {"kept": "Held-out examples", "folder": "A folder"}


@dataclass(frozen=True)
class DataSetContext:
    """What the sections of the page draw from.

    others  keys of the other checkpoints of the modality
    folder  the analysis of a folder of files; None for held-out examples
    """

    view: DataSetView
    modality: ModalityView
    analysis: DataSetAnalysis
    others: tuple[str, ...]
    folder: FolderAnalysis | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the classes as people write them."""
        return tuple(map(text.label, self.analysis.about.classes))


def choose() -> DataSetContext | None:
    """Draws the choice; None, with a message, where there is no analysis yet."""
    view = state.current(DataSetView)
    available = models.available(views.names())
    hub = Hub.parse(view.model)
    if hub is not None and hub.key not in available and not checkpoints.adopt(hub.key):
        offer(hub, next(iter(available), None))
        return None
    available = models.available(views.names())
    if not available:
        st.info("There is no checkpoint to look at.", icon=":material/info:")
        return None
    view = state.settle(DataSetView, Limits(models=available))
    with st.sidebar:
        choose_model(view, available)
        config = models.stored_config(view.model)
        kind = config.modality
        others = tuple(key for key, its in available.items() if its == kind and key != view.model)
        gallery = samples.bundled(kind, config.labels)
        view = state.settle(DataSetView, Limits(models=available, classes=config.num_classes, others=others))
        modality = views.get(kind)
        source = _source(samples.describe(kind).noun.many)
    for note in state.notes():
        st.info(note, icon=":material/info:")
    if source == "folder":
        return _folder(view, modality, others)
    found = dataset.kept(view.model)
    if found is None:
        _nothing_kept(view.model)
        return None
    known = {one.about.name for one in gallery.values()}
    with st.sidebar:
        _about(found, len(known))
    return DataSetContext(_fitted(view, found), modality, found, others)


def _source(nouns: str) -> str:
    """Held-out examples, or a folder where that is allowed."""
    if not dataset.may_read_folders():
        return "kept"
    held = st.session_state.get("dataset_source", "kept")
    st.session_state["dataset_source"] = held
    source = st.segmented_control(
        "Data",
        list(SOURCES),
        format_func=SOURCES.__getitem__,
        required=True,
        key="dataset_source",
        width="stretch",
        on_change=_other_source,
        help="The held-out examples of the checkpoint's own data, or a folder of this machine.",
    )
    if source == "folder":
        st.session_state["dataset_folder"] = st.session_state.get("dataset_folder", "")
        st.text_input(
            f"Folder with {nouns}",
            key="dataset_folder",
            placeholder="/home/me/photos",
            on_change=_other_source,
            help="Subfolders that are named like classes of the model are the labels. Other files have none.",
        )
    return source or "kept"


def _other_source() -> None:
    """Rows and classes that were chosen belong to the data before."""
    state.change(true_class=None, predicted=None, example=None)


def _folder(view: DataSetView, modality: ModalityView, others: tuple[str, ...]) -> DataSetContext | None:
    """The analysis of the visitor's folder, which is computed on request."""
    path = st.session_state.get("dataset_folder", "")
    if not path.strip():
        st.info(
            f"Name a folder of {samples.describe(modality.modality).noun.many} in the sidebar.",
            icon=":material/folder_open:",
        )
        return None
    try:
        here = dataset.of_folder(view.model, path)
        if here.found is None:
            work = Request(
                "dataset",
                f"{view.model}|{here.folder}",
                f"Analyse {len(here.collection):,} files" if not here.reached else "Go on",
                here.seconds_left,
            ).show()
            if here.reached:
                st.caption(f"{here.reached:,} of {len(here.collection):,} files are measured.")
            if work.progress is None:
                return None
            models.prepare(view.model, work.progress)
            here.complete(work.progress)
            st.rerun()
    except InputError as error:
        st.error(text.plain(str(error)), icon=":material/error:")
        return None
    assert here.found is not None
    with st.sidebar:
        _about(here.found, 0)
    return DataSetContext(_fitted(view, here.found), modality, here.found, others, here)


def _fitted(view: DataSetView, found: DataSetAnalysis) -> DataSetView:
    """The view without an example that the analysis does not have."""
    if view.example is not None and view.example >= len(found.examples):
        state.reset("example", "The link names an input that is not here; showing none.")
        return state.view(DataSetView)
    return view


def _about(found: DataSetAnalysis, bundled: int) -> None:
    """What the analysis is of, and what could not be read."""
    about = found.about
    lines = [f"{int(found.examples.counted.sum()):,} of {about.available:,} {about.data}.", *about.notes]
    if bundled and (placed := int((~found.examples.counted).sum())):
        lines.append(f"{placed} bundled samples are on the map too, and are not counted.")
    st.caption("  \n".join(map(text.sentence, lines)))
    if about.errors:
        with st.popover(f"{len(about.errors):,} could not be read", icon=":material/warning:"):
            st.dataframe([{"Input": name, "Why": why} for name, why in about.errors], hide_index=True)


def _nothing_kept(model: str) -> None:
    """What there is to do where no analysis lies beside a checkpoint's weights."""
    with st.container(border=True):
        st.subheader("No analysis yet", anchor=False)
        name = models.display_name(model)
        st.markdown(f"No analysis of held-out examples lies beside the weights of **{text.plain(name)}**.")
        if checkpoints.known(model) is None:
            st.markdown("This command computes it, over data that `perceiver data build` makes:")
            st.code(f"perceiver dataset {name} --outdated", language="sh")
        elif dataset.may_read_folders():
            st.markdown("Choose a folder in the sidebar to analyse this checkpoint over its files.")
        else:
            st.markdown("`perceiver dataset --files FOLDER` analyses a checkpoint over files on your own machine.")
