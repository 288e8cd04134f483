"""The forms of pictures: one file and one row of the table PANELS each.

A :class:`~genlab.core.measure.Picture` names its form. The row of that form says what the
picture's payload must hold, how it is stored, and how it is drawn: in the report, as a thumbnail
and in the live view.
"""

from genlab.panels.base import PANELS, Field, Form, check_picture, form_of

__all__ = ["PANELS", "Field", "Form", "check_picture", "form_of"]
