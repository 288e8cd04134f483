"""The place of a panel or chart on a page, and the sentence that describes it.

A probe declares a :class:`View` for each of its pictures; a group of series has one in
:data:`CHARTS`. Pages and scripts read these and hold no list of names of their own.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

#: The groups of a page in their order: the question that each of them answers.
SECTIONS: dict[str, str] = {
    "learning": "Is it learning?",
    "quality": "Is it any good?",
    "latent": "The latent space",
    "critic": "The critic",
}


@dataclass(frozen=True)
class View:
    """The description of a panel or a chart, and its place on the page.

    Args:
        section: a key of :data:`SECTIONS`.
        sees: what one sees, one sentence or two.
        lesson: the lesson that explains it; empty where there is none.
        rank: the first picture of a run is the one of the highest rank, and the next three
            stand beside it; 0 for what is never seen at first.

    Raises:
        ValueError: for an unknown section.

    Example:
        >>> View("quality", "Images that the model draws.", "vae", 90).section
        'quality'
    """

    section: str
    sees: str = ""
    lesson: str = ""
    rank: int = 0

    def __post_init__(self) -> None:
        if self.section not in SECTIONS:
            raise ValueError(f"unknown section {self.section!r}; allowed: {', '.join(SECTIONS)}")

    def flat(self) -> dict[str, Any]:
        """The view as plain values, for JSON."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class ChartGroup:
    """A group of series that share a chart: its title and its place."""

    title: str
    view: View


def _group(title: str, section: str, sees: str, lesson: str = "", rank: int = 0) -> ChartGroup:
    return ChartGroup(title, View(section, sees, lesson, rank))


#: Name of a group of series (``Series.group``) -> its chart.
CHARTS: dict[str, ChartGroup] = {
    "loss": _group(
        "Loss terms",
        "learning",
        "What training raises or lowers, step by step; a flat curve has stopped learning.",
        "elbo",
        80,
    ),
    "prediction": _group(
        "Prediction",
        "learning",
        "How probable the model finds data that it has not seen; higher is better.",
        "bayes",
        70,
    ),
    "evidence": _group(
        "Evidence",
        "learning",
        "The logarithm of the probability of all data under the model, parameters integrated out.",
        "bayes",
        70,
    ),
    "bits": _group(
        "Bits per dimension",
        "learning",
        "How many bits the model needs for each pixel or column; lower is better.",
        "visible",
        70,
    ),
    "confidence": _group(
        "Discriminator's confidence",
        "critic",
        "The probability of real that the discriminator gives to real and to generated examples; "
        "both are 1/2 where it cannot tell them apart.",
        "gan_game",
        70,
    ),
    "score": _group(
        "Critic's scores",
        "critic",
        "The critic's mean score of real and of generated examples; their distance is what the "
        "generator closes.",
        "wgan",
        70,
    ),
    "divergence": _group(
        "Divergences",
        "quality",
        "How far the model's distribution is from that of the data; 0 where they are equal.",
        "divergence",
        50,
    ),
    # At most log 2, beside divergences that have no bound: a chart of its own.
    "js": _group(
        "Jensen-Shannon divergence",
        "quality",
        "The divergence that the first GAN lowers: 0 for equal distributions, log 2 for "
        "distributions that do not overlap.",
        "gan_game",
        40,
    ),
    "distance": _group(
        "Distances",
        "quality",
        "How far mass must be moved to turn the model's distribution into that of the data.",
        "wgan",
        30,
    ),
    "coverage": _group(
        "Modes found",
        "quality",
        "How many modes of the data hold enough of the generated examples.",
        "gan_game",
        45,
    ),
    "quality": _group(
        "Quality of the samples",
        "quality",
        "The share of generated examples that lie near a mode of the data.",
        "gan_game",
        20,
    ),
    "diversity": _group(
        "Diversity of the samples",
        "quality",
        "How far generated examples are from each other, compared with those of the data; near 0 "
        "the generator repeats itself.",
        "gan_game",
        20,
    ),
    "information": _group(
        "Information",
        "latent",
        "How much of the code can be read from what was generated with it.",
        "vae_to_gan",
    ),
    "latent": _group(
        "Latent code",
        "latent",
        "How many dimensions of the latent code carry information about the data.",
        "vae",
    ),
    "codes": _group("Codes in use", "latent", "How many entries of the codebook are used.", "vae"),
    "gradient": _group(
        "Gradient norms",
        "critic",
        "How steep the critic is between real and generated examples.",
        "wgan",
    ),
    "gradient norm": _group(
        "Gradient norms",
        "learning",
        "The length of each player's gradient; near 0 it no longer learns, and far above its "
        "usual size training is unstable.",
    ),
    "calibration": _group(
        "Calibration",
        "critic",
        "How far the discriminator's probabilities are from the shares that are really real.",
        "gan_game",
    ),
    "likeness": _group(
        "Likeness", "quality", "How like the reconstructions are to their originals.", "vae_to_gan"
    ),
    "schedule": _group(
        "Schedule", "learning", "The weight of a term of the loss as training goes on.", "elbo"
    ),
    "perplexity": _group(
        "Perplexity",
        "learning",
        "Among how many equally probable words the model hesitates; lower is better.",
        "svi",
        60,
    ),
    "words": _group(
        "Bound per word", "learning", "A bound of log p of each held-out word.", "svi", 60
    ),
    "parts": _group(
        "Parts in use", "latent", "How many parts carry a share of the data worth the name.", "svi"
    ),
    "bound": _group(
        "Bound", "learning", "The lower bound of the log evidence that training raises.", "svi", 80
    ),
    "step size": _group(
        "Step size", "learning", "How far each step moves the variational parameters.", "svi"
    ),
    "step": _group("Step size", "learning", "How far each step moves.", "advi"),
    "posterior": _group(
        "Posterior",
        "quality",
        "Means and standard deviations of the posterior; dashed lines are the exact values.",
        "advi",
        60,
    ),
    "agreement": _group(
        "Agreement of the chains",
        "learning",
        "Whether independent chains agree; R-hat near 1 says that they do.",
        "advi",
    ),
    "accept": _group(
        "Acceptance", "learning", "The share of proposals that the sampler accepts.", "advi"
    ),
    "leapfrog": _group(
        "Leapfrog steps", "learning", "How many gradients each proposal costs.", "advi"
    ),
    "lost": _group(
        "Lost trajectories",
        "learning",
        "Trajectories whose energy went astray; any of them is a warning.",
        "advi",
    ),
    "excess": _group(
        "Excess loss",
        "learning",
        "The loss above that of the exact prediction; 0 is perfect.",
        "flow_matching",
    ),
    "straightness": _group(
        "Straightness",
        "quality",
        "How far the ways from noise to data are from straight lines; 0 is straight.",
        "flow_matching",
    ),
    "sampler": _group(
        "Sampler's error",
        "quality",
        "How far the sampler ends from where exact steps would end, from the same noise.",
        "flow_matching",
    ),
    "draws": _group("Draws", "learning", "How many draws of the posterior have been kept."),
    "edges": _group("Edges moved", "learning", "How many edges of the tree the batch moved."),
    "tree": _group(
        "Information in the tree",
        "learning",
        "The mutual information that the edges of the tree hold.",
        "visible",
    ),
}


def chart_group(name: str) -> ChartGroup:
    """The chart of a group of series; of an unknown one, or of a variant, what fits it best.

    Example:
        >>> chart_group("posterior mean").view is CHARTS["posterior"].view
        True
        >>> chart_group("temperature").title
        'Temperature'
    """
    if name in CHARTS:
        return CHARTS[name]
    title = name[:1].upper() + name[1:]
    family = name.split(" ")[0]
    return ChartGroup(title, CHARTS[family].view if family in CHARTS else View("learning"))
