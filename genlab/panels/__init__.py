"""The kinds of pictures (``form``): each is one file and one row of the table PANELS.

A :class:`~genlab.core.measure.Picture` names its form. The row of the form defines the entries of
the payload, how the picture is stored, and how it is drawn in the report, as a thumbnail and in
the live view.
"""

from genlab.panels.base import PANELS, Field, Form, check_picture, form_of

__all__ = ["PANELS", "Field", "Form", "check_picture", "form_of"]
