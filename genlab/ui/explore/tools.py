"""The tools of Explore: one file and one table row each; a model's capabilities select them."""

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
    #: Options of the tool in the URL, in addition to
    State: ClassVar[type[Options]] = Options
    #: Tools are listed in this order.
    order: ClassVar[int] = 50

    @classmethod
    @abc.abstractmethod
    def fits(cls, model: type[GenerativeModel], meta: DataMeta) -> bool:
        """Whether a model with these capabilities, of such data, offers the tool."""

    @abc.abstractmethod
    def draw(self, scene: Scene) -> None:
        """Draw the tool; decorate a part that reruns separately as a fragment."""


TOOLS: Registry[type[Tool]] = Registry("tool", "genlab.ui.explore")
