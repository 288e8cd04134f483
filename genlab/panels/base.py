"""The interface of a form, that is a kind of picture, and the table of all forms."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from genlab.core.errors import GenlabError
from genlab.core.measure import Picture
from genlab.core.registry import Registry
from genlab.panels.encoding import to_plain

PANELS: Registry[type[Form]] = Registry("panel form", "genlab.panels")

#: The entries in the JSON of a stored picture that do not belong to the payload.
HEAD = ("form", "title", "note", "step")


class PanelError(GenlabError):
    """The payload of a picture does not fit its form, or the form does not exist."""


@dataclass(frozen=True)
class Field:
    """One entry of a payload.

    Args:
        kind: ``array``, ``list``, ``mapping``, ``text``, ``number`` or ``any``.
        help: the meaning of the entry, with its unit.
        shape: the sizes of an array or list: a number, or a letter that stands for the same size
            in every entry of the payload; None for any.
        required: whether the payload must hold it.
        nullable: whether it may be None.
    """

    kind: str
    help: str
    shape: tuple[int | str, ...] | None = None
    required: bool = True
    nullable: bool = False


@dataclass(frozen=True)
class Encoded:
    """A payload as it is stored.

    Args:
        values: the content of the JSON file.
        files: the other files by extension.
    """

    values: Mapping[str, Any]
    files: Mapping[str, bytes]


class Form(abc.ABC):
    """A kind of picture: its data, its files, and its drawings.

    Class attributes:
        fields: the entries of the payload.
        script: the code that draws this form in the live view. A plugin's form has an ES module:
            its text, or the path of its file. The module exports ``draw(axes, frame, cell)``,
            which returns the legend, and ``table(frame)``, the rows of a CSV file
            (``live/forms.js``). A form of this package names a module in
            ``genlab/ui/static/live`` and its drawing function, which has a row in ``forms.js``.
        wide: whether its panel takes the width of a chart in the live view.
        extensions: the files of a stored picture beside its JSON.
    """

    name: ClassVar[str]
    fields: ClassVar[Mapping[str, Field]]
    script: ClassVar[tuple[str, str] | str | Path]
    wide: ClassVar[bool] = False
    extensions: ClassVar[tuple[str, ...]] = ()

    @classmethod
    @abc.abstractmethod
    def example(cls) -> dict[str, Any]:
        """A small payload of this form, for tests and documentation."""

    @classmethod
    @abc.abstractmethod
    def svg(cls, picture: Picture, *, ink: str = "currentColor") -> str:
        """Draw the picture as SVG.

        Args:
            picture: of this form.
            ink: the colour of text and grid.
        """

    @classmethod
    @abc.abstractmethod
    def thumbnail(cls, picture: Picture) -> bytes:
        """Draw the picture as a PNG of 160 x 160 pixels."""

    @classmethod
    def html(cls, picture: Picture) -> str:
        """The picture as an element of an HTML file that loads nothing; its SVG by default."""
        return cls.svg(picture)

    @classmethod
    def pixels(cls, picture: Picture, height: int) -> NDArray[np.uint8] | None:
        """The picture as pixels where it consists of images, else None.

        Args:
            picture: of this form.
            height: the wanted height of one image, in pixels.
        """
        del picture, height
        return None

    @classmethod
    def javascript(cls) -> str | None:
        """The ES module that a plugin's form brings; None for a form that ships."""
        if isinstance(cls.script, tuple):
            return None
        return cls.script.read_text() if isinstance(cls.script, Path) else cls.script

    @classmethod
    def check(cls, payload: Mapping[str, Any]) -> None:
        """Check that a payload has the entries and shapes of this form.

        Raises:
            PanelError: names the first entry that is missing or has the wrong shape.
        """
        sizes: dict[str, int] = {}
        for name, field in cls.fields.items():
            if name not in payload:
                if field.required:
                    raise cls._error(f"has no {name!r} ({field.help})")
                continue
            value = payload[name]
            if value is None and field.nullable:
                continue
            if not _is_kind(value, field.kind):
                raise cls._error(
                    f"has {name} = {value!r:.40}, which is not of the kind {field.kind}"
                )
            if field.shape is not None:
                cls._check_shape(name, value, field.shape, sizes)

    @classmethod
    def _check_shape(
        cls, name: str, value: Any, shape: tuple[int | str, ...], sizes: dict[str, int]
    ) -> None:
        found = shape_of(value)
        # An empty list has no inner sizes.
        wanted = shape
        if found is not None and found[:1] == (0,):
            found, wanted = found[:1], shape[:1]
        expected = tuple(sizes.get(s, s) if isinstance(s, str) else s for s in wanted)
        if (
            found is None
            or len(found) != len(expected)
            or any(
                isinstance(want, int) and want != have
                for want, have in zip(expected, found, strict=True)
            )
        ):
            sizes_text = ", ".join(map(str, expected))
            raise cls._error(f"has {name} of shape {found}; expected ({sizes_text})")
        sizes |= {s: have for s, have in zip(wanted, found, strict=True) if isinstance(s, str)}

    @classmethod
    def _error(cls, words: str) -> PanelError:
        return PanelError(
            f"A picture of form {cls.name!r} {words}. It was not stored or drawn; correct the "
            "payload as genlab/panels describes it."
        )

    @classmethod
    def encode(cls, payload: Mapping[str, Any]) -> Encoded:
        """Convert a payload to what is stored."""
        return Encoded(to_plain(payload), {})

    @classmethod
    def decode(cls, values: Mapping[str, Any], files: Mapping[str, bytes]) -> dict[str, Any]:
        """Convert what is stored back to a payload.

        Args:
            values: the content of the JSON file.
            files: the other files by extension, as :attr:`extensions` names them.
        """
        del files
        return {name: value for name, value in values.items() if name not in HEAD}


def _is_kind(value: Any, kind: str) -> bool:
    if kind == "array":
        return isinstance(value, (list, tuple)) or hasattr(value, "shape")
    if kind == "list":
        return isinstance(value, (list, tuple))
    if kind == "mapping":
        return isinstance(value, Mapping)
    if kind == "text":
        return isinstance(value, str)
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return True


def shape_of(value: Any) -> tuple[int, ...] | None:
    """The shape of an array or of nested lists; None where the lists are ragged.

    Example:
        >>> shape_of([[1, 2], [3, 4], [5, 6]]), shape_of([[1], [2, 3]]), shape_of([])
        ((3, 2), None, (0,))
    """
    if hasattr(value, "shape"):
        return tuple(int(size) for size in value.shape)
    if not isinstance(value, (list, tuple)):
        return ()
    inner = {shape_of(entry) for entry in value}
    if len(inner) > 1 or None in inner:
        return None
    return (len(value), *(inner.pop() or ())) if inner else (0,)


def form_of(picture: Picture | Mapping[str, Any]) -> type[Form]:
    """The row of a picture's form.

    Args:
        picture: a picture, or the content of a stored picture's JSON file.

    Raises:
        PanelError: if there is no such form.

    Example:
        >>> form_of(Picture("points", "Samples", {})).name
        'points'
    """
    name = picture.form if isinstance(picture, Picture) else picture.get("form")
    if not isinstance(name, str) or name not in PANELS:
        raise PanelError(
            f"There is no form of pictures named {name!r}, so this picture is not drawn. The "
            f"forms are {', '.join(PANELS)}; a new one is a file in genlab/panels."
        )
    return PANELS[name]


def check_picture(picture: Picture) -> type[Form]:
    """Check a picture's form and payload.

    Returns:
        The row of its form.

    Raises:
        PanelError: if the form is unknown or the payload does not have its data.
    """
    form = form_of(picture)
    form.check(picture.payload)
    return form
