"""Compare: several models on one input, their maps and their position encodings."""

from __future__ import annotations

from app.sections.compare import encodings, maps, models, spectra
from app.sections.context import CompareContext, announce, run_models, run_page
from app.sections.header import contents
from app.session import state
from app.session.view import CompareView


def page(context: CompareContext) -> None:
    """The whole page, top to bottom; what is quick comes first."""
    contexts = models.choose_models(context)
    contents({"encodings": "Position encodings", "block": "One block in all models", "tartan": "Tartan"})
    cases = [one.case for one in contexts]
    with run_models(cases, context.progress, announce(cases)):
        one_block = maps.show(contexts)
        encodings.show(contexts)
        one_block()
        context.progress.done()
        # The rest may be slow, and whatever the visitor does next ends it.
        state.publish()
        spectra.show(contexts)


run_page(CompareView, page)
