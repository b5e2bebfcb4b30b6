"""How every page begins: checkpoint and input in the sidebar, and the run of the model on the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from perceiver.config import PerceiverConfig
from perceiver.errors import PerceiverError
from perceiver.sample import Sample

from .. import views
from ..services import checkpoints, failures, inference, models, samples
from ..services.checkpoints import Hub
from ..services.inference import Case
from ..services.queueing import Progress
from ..services.samples import GallerySample
from ..session import state, text
from ..session.rules import UPLOADED, Limits
from ..session.view import AblateView, CompareView, ExplainView, ExploreView, View
from ..views.base import ModalityView, Paint
from . import drawing_pad
from .checkpoint.offer import offer
from .model_choice import choose_model
from .sample_choice import choose_sample, current_input, read

V = TypeVar("V", bound=View)
V_co = TypeVar("V_co", bound=View, covariant=True)


@dataclass(frozen=True)
class PageContext(Generic[V_co]):
    """What all sections of a page draw from: one input in one model, and how the visitor looks at it.

    view      what the visitor chose
    modality  how inputs and maps of this modality are drawn
    truth     the true label, "" where it is not known
    progress  the bar that shows how far the work of the page has come
    """

    view: V_co
    case: Case
    sample: Sample
    config: PerceiverConfig
    modality: ModalityView
    truth: str
    progress: Progress = field(repr=False)

    @property
    def paint(self) -> Paint:
        """How maps are coloured."""
        return Paint(self.view.colours, None if self.view.laid == "alone" else self.view.overlay / 100)


ExploreContext = PageContext[ExploreView]
ExplainContext = PageContext[ExplainView]
AblateContext = PageContext[AblateView]
CompareContext = PageContext[CompareView]


def run_page(kind: type[V], page: Callable[[PageContext[V]], None]) -> None:
    """Draws the choice of checkpoint and input in the sidebar, runs the model, and draws a page of the result.

    Errors are shown on the page, and the view is written to the address bar in any case.
    """

    def opened() -> None:
        chosen = _choose(kind)
        if chosen is None:
            return
        progress, cases = Progress(over="page"), (chosen.case,)
        place = announce(cases)
        context = _read(chosen, progress)
        if context is None:
            if place is not None:
                place.empty()
            return
        with run_models(cases, progress, place):
            page(context)

    run_guarded(opened)


def announce(cases: Sequence[Case]) -> DeltaGenerator | None:
    """Says which models run on which input, unless all of them have or follow a drawing. Returns the place where that
    stands.

    The results of another input leave the page at once, instead of being shown until the run has ended.
    """
    slow = [case for case in cases if not inference.known(case) and not drawing_pad.is_quick(case)]
    waiting = [text.plain(case.model_name) for case in slow]
    if not waiting:
        return None
    place = st.empty()  # takes the place of what was there, with all that is in it
    with place.container():
        st.markdown(f"Running {text.listed([f'**{name}**' for name in waiting])} on **{text.plain(cases[0].name)}** …")
        st.skeleton(height=420)
    return place


def run_models(cases: Sequence[Case], progress: Progress, place: DeltaGenerator | None) -> DeltaGenerator:
    """Runs models on their inputs where that is not done. Returns where the results are drawn.

    place  of the announcement, which they replace
    """
    try:
        for case in cases:
            models.prepare(case.model, progress)
            inference.trace(case, progress)
    except PerceiverError:
        if place is not None:
            place.empty()
        raise
    return st.container() if place is None else place.container()


def run_guarded(page: Callable[[], None]) -> None:
    """Runs a page: errors are shown on it, and the view is written to the address bar in any case, so that whatever is
    chosen next starts from it."""
    try:
        page()
    except PerceiverError as error:
        st.error(text.plain(str(error)), icon=":material/error:")
    except Exception as error:
        if not failures.is_installed():
            state.publish()
            raise
        failures.show(error)
    state.publish()


@dataclass(frozen=True)
class _Choice(Generic[V_co]):
    """What is chosen in the sidebar.

    bundled  the sample, where it is one that comes with the project
    """

    view: V_co
    case: Case
    config: PerceiverConfig
    modality: ModalityView
    bundled: GallerySample | None


def _choose(kind: type[V]) -> _Choice[V] | None:
    """Draws the choice of checkpoint and input in the sidebar; None, with a message, when something is missing."""
    view = state.current(kind)
    available = models.available(views.names())
    for hub in _hub_models(view):
        if hub.key not in available and not checkpoints.adopt(hub.key):
            offer(hub, next((key for key in available if key != hub.key), None))
            return None
        available = models.available(views.names())
    if not available:
        _no_checkpoints()
        return None
    view = state.settle(kind, Limits(models=available))
    with st.sidebar:
        choose_model(view, available)
        config = models.config(view.model)
        modality, gallery = views.get(config.modality), samples.bundled(config.modality, config.labels)
        if view.sample not in gallery and view.sample in samples.bundled(config.modality):
            state.replace(sample="")  # a sample of another data set, from the model before
        if modality.drawable:
            drawing_pad.follow(view)
        view = state.settle(kind, Limits(models=available, samples=tuple(gallery), **_limits(view, config, available)))
        case = choose_sample(view, modality, gallery, samples.extensions(config.modality))
    for note in state.notes():
        st.info(note, icon=":material/info:")
    if case is None:
        _nothing_chosen(modality.noun, view)
        return None
    return _Choice(view, case, config, modality, gallery.get(view.sample))


def _read(chosen: _Choice[V], progress: Progress) -> PageContext[V] | None:
    """Reads the input and draws it in the sidebar; None, with a message, where it cannot be read."""
    view, bundled = chosen.view, chosen.bundled
    sample = read(chosen.case)
    if sample is None:
        return None
    with st.sidebar:
        current_input(chosen.case, sample, chosen.modality, bundled, dict(view.read))
    truth = bundled.about.label if bundled else ""
    return PageContext(view, chosen.case, sample, chosen.config, chosen.modality, truth, progress)


def _hub_models(view: View) -> Sequence[Hub]:
    """The models from the hub that a view names and its page shows."""
    names = [view.model, *(view.others if isinstance(view, CompareView) else ())]
    return [hub for hub in map(Hub.parse, names) if hub is not None]


def _limits(view: View, config: PerceiverConfig, available: Mapping[str, str]) -> dict[str, Any]:
    return {
        "blocks": config.cross_attention_blocks,
        "plan": len(config.plan),
        "latents": config.num_latents,
        "heads": config.cross_heads,
        "shape": config.input_shape,
        "options": samples.options(config.modality),
        "classes": config.num_classes,
        "others": [key for key, kind in available.items() if kind == config.modality and key != view.model],
    }


def _no_checkpoints() -> None:
    with st.container(border=True):
        st.header("No checkpoints here", anchor=False)
        st.markdown(
            "There is no trained Perceiver to look at. They belong into the folder `checkpoints/` beside the app, or "
            "into the folder that `PERCEIVER_CHECKPOINTS` names: one folder each, with `model.safetensors` and "
            "`config.json`. `perceiver train` makes them."
        )


def _nothing_chosen(noun: str, view: View) -> None:
    if view.sample.startswith(UPLOADED) and state.upload(view.sample) is None:
        st.info(
            f"This link shows a {noun} that was uploaded, and the server does not have it (any more). "
            "Upload it again to see the same view.",
            icon=":material/upload_file:",
        )
        return
    draws = st.session_state.get("source") == "draw"
    how = "Draw on the pad in the sidebar" if draws else f"Choose a sample, or upload a {noun} of your own"
    with st.container(border=True):
        st.header("Nothing to look at yet", anchor=False)
        st.markdown(f"{how}: its predictions and maps appear here.")
