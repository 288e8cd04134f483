"""The views of panels that several probes share, and the views of all panels together."""

from __future__ import annotations

from genlab.core.views import View

SAMPLES = View(
    "quality",
    "What the model generates, from the same random numbers at every step, so that each place "
    "shows one example as it changes.",
    "vae",
    90,
)
RECONSTRUCTIONS = View(
    "quality",
    "Held-out examples, and what is left of them after encoding and decoding.",
    "vae",
    75,
)
LATENT = View(
    "latent",
    "Where held-out examples lie in the representation that the model has learned; examples of "
    "one class lie together where it has found what they share.",
    "vae",
    60,
)
CONFIDENCE = View(
    "critic",
    "What the critic says of real and of generated examples; the two lie over each other where "
    "it cannot tell them apart.",
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
