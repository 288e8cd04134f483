"""The views of the panels that several probes share, and a collection of all views."""

from __future__ import annotations

from genlab.core.views import View

SAMPLES = View(
    "quality",
    "Samples of the model, from the same random numbers at every step: each cell shows how one "
    "example changes.",
    "vae",
    90,
)
RECONSTRUCTIONS = View(
    "quality",
    "Held-out examples, and the same examples after encoding and decoding.",
    "vae",
    75,
)
LATENT = View(
    "latent",
    "Held-out examples in the representation that the model has learned. Examples of one class "
    "form a cluster if the representation separates the classes.",
    "vae",
    60,
)
CONFIDENCE = View(
    "critic",
    "The critic's output on real and on generated examples. The two histograms overlap if the "
    "critic cannot distinguish them.",
    "gan_game",
    55,
)


def panel_views() -> dict[str, View]:
    """The view of every panel that a probe of the table declares.

    Raises:
        ValueError: where two probes declare different views of one panel.

    Example:
        >>> panel_views()["gap"].section
        'critic'
    """
    from genlab.probes.base import PROBES

    found: dict[str, View] = {}
    for row in PROBES.rows():
        for panel, view in row.value.views.items():
            if found.setdefault(panel, view) != view:
                raise ValueError(f"{row.name!r} declares another view of the panel {panel!r}")
    return found
