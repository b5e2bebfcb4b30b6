"""Work that may take long: it starts by itself only if it is quick, else on request, with an estimate, and it can be
cancelled."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from perceiver.analysis.formatting import about

from ..services.ablation import QUICK
from ..services.queueing import Progress

HELP = "Starts the computation; it can be cancelled, and what was computed so far is kept."


@dataclass(frozen=True)
class Work:
    """Work that is left, with the bar that shows its progress; None while it is not to be done."""

    request: Request
    progress: Progress | None


@dataclass(frozen=True)
class Request:
    """Some work and what the visitor decided about it. A session remembers the last decision of every slot.

    slot     the kind of work
    task     what it is done for: the model, the input, the class
    label    of the button that starts it
    seconds  estimate of the time it takes
    alone    whether it may start by itself
    """

    slot: str
    task: str
    label: str
    seconds: float
    alone: bool = True

    @property
    def _key(self) -> str:
        return f"request_{self.slot}"

    @property
    def wanted(self) -> bool:
        """Whether it is to be done: it was started, or it is quick, may start by itself and was not cancelled."""
        decided = st.session_state.get(self._key)
        quick = self.alone and self.seconds <= QUICK
        return decided == (self.task, True) or (decided != (self.task, False) and quick)

    def start(self) -> None:
        """Starts it. Work that started by itself goes on when its estimate grows."""
        st.session_state[self._key] = (self.task, True)

    def cancel(self) -> None:
        """Cancels it. What was computed so far is kept."""
        st.session_state[self._key] = (self.task, False)

    def show(self) -> Work:
        """Draws Cancel beside a progress bar, or the button that starts the work, with the time it takes."""
        with st.container(horizontal=True, vertical_alignment="center"):
            if self.wanted:
                st.button("Cancel", icon=":material/stop:", key=f"cancel_{self.slot}", on_click=self.cancel)
                return Work(self, Progress())
            st.button(
                self.label, icon=":material/play_arrow:", key=f"start_{self.slot}", on_click=self.start, help=HELP
            )
            st.caption(f"Takes {about(self.seconds)}.", width="content")
        return Work(self, None)
