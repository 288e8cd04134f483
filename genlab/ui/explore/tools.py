"""The tools of Explore: one file and one row each; a model's capabilities decide which appear."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, ClassVar

from genlab.core.options import Options
from genlab.core.registry import Registry
from genlab.data.base import DataMeta
from genlab.models.base import GenerativeModel

if TYPE_CHECKING:
    from genlab.ui.explore.scene import Scene


class Tool(abc.ABC):
    """A tool for the latent space, drawn below the map."""

    name: ClassVar[str]
    icon: ClassVar[str] = ""
    #: What the tool keeps in the URL besides :class:`genlab.ui.explore.tool_state.ToolState`.
    State: ClassVar[type[Options]] = Options
    #: Tools stand in this order.
    order: ClassVar[int] = 50

    @classmethod
    @abc.abstractmethod
    def fits(cls, model: type[GenerativeModel], meta: DataMeta) -> bool:
        """Whether a model with these capabilities, of such data, offers the tool."""

    @abc.abstractmethod
    def draw(self, scene: Scene) -> None:
        """Draw the tool; a part that reruns by itself is a fragment."""


TOOLS: Registry[type[Tool]] = Registry("tool", "genlab.ui.explore")
