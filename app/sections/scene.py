"""What every panel below the choice of an input draws from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from perceiver.config import PerceiverConfig
from perceiver.sample import Sample

from ..services.compute import Case
from ..services.progress import Progress
from ..session.view import AblateView, CompareView, ExplainView, ExploreView, View
from ..views.base import ModalityView, Paint

V_co = TypeVar("V_co", bound=View, covariant=True)


@dataclass(frozen=True)
class Scene(Generic[V_co]):
    """One input in one model, looked at in one way.

    shown  how its modality is drawn
    truth  the true label, "" where it is not known
    """

    view: V_co
    case: Case
    sample: Sample
    config: PerceiverConfig
    shown: ModalityView
    truth: str
    progress: Progress = field(repr=False)

    @property
    def paint(self) -> Paint:
        """How maps are coloured."""
        return Paint(self.view.colours, None if self.view.laid == "alone" else self.view.overlay / 100)


ExploreScene = Scene[ExploreView]
ExplainScene = Scene[ExplainView]
AblateScene = Scene[AblateView]
CompareScene = Scene[CompareView]
