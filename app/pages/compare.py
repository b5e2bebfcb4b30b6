"""Compare: several models on one input, their maps and their position encodings."""

from __future__ import annotations

from app.sections.compare import encodings, maps, models, spectra
from app.sections.context import CompareContext, announce, run_models, run_page
from app.sections.one_section import choose_section
from app.session import state
from app.session.view import CompareView

SECTIONS = {
    "block": "One block",
    "encodings": "Position similarity",
    "channels": "Position channels",
    "tartan": "Tartan",
}


def page(context: CompareContext) -> None:
    """The choice of models, the strip of each, and one section of evidence."""
    contexts = models.choose_models(context)
    cases = [one.case for one in contexts]
    with run_models(cases, context.progress, announce(cases)):
        found = maps.strips(contexts)
        section = choose_section(context.view, SECTIONS)
        # A section may be slow, and whatever the visitor does next ends it.
        state.publish()
        match section:
            case "encodings":
                encodings.similarity(contexts)
            case "channels":
                encodings.channels(contexts)
            case "tartan":
                spectra.show(contexts)
            case _:
                maps.one_block(contexts, found)
        context.progress.done()


run_page(CompareView, page)
