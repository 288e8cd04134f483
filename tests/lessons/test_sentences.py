"""What the lessons say is right: each sentence that was wrong once has its test."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from genlab.divergences.f import F
from genlab.lessons import LESSONS, chapters, lesson
from genlab.lessons.loss_entries import entries
from genlab.lessons.loss_zoo import PAIRED, best_of_pairs
from genlab.lessons.panels import Bars, Table
from genlab.lessons.vae_to_gan import CHANGES


def says(name: str, **values: object) -> str:
    made = lesson(name, values)
    kind = type(made)
    steps = [step.says for step in made.equations()]
    return " ".join([kind.idea, *kind.notes, *steps])


def test_the_best_critic_of_pairs_is_log_ratio_up_to_a_constant() -> None:
    (entry,) = (e for e in entries() if e.name == "r3gan")
    assert entry.paired
    p = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    q = torch.tensor([0.4, 0.1, 0.4, 0.1], dtype=torch.float64)
    ratio = (p / q).log()
    assert torch.allclose(best_of_pairs(entry.loss, p, q), ratio - ratio.mean(), atol=1e-9)
    table = next(p for p in lesson("zoo").panels() if isinstance(p, Table))
    assert [row[5] for row in table.rows if row[0].startswith("R3GAN")] == [PAIRED]
    assert "runs away" not in str(table.rows)


def test_bars_along_x_have_the_height_of_the_event_that_they_name() -> None:
    made = lesson("visible", {"x": 21})
    bars = next(p for p in made.panels() if isinstance(p, Bars))
    ((name, heights),) = bars.bars
    assert "this bit" in name
    # The product of what the bars show is p(x).
    assert np.prod(heights) == pytest.approx(math.exp(float(made.log_p[21])), rel=1e-5)


def test_a_row_with_f_of_one_below_zero_is_no_divergence() -> None:
    assert F["gan"].at_one == pytest.approx(-math.log(4))
    assert "its minimum, at Q = P" in says("fgan", divergence="gan")
    assert "its minimum, at Q = P" not in says("fgan", divergence="kl")


def test_the_default_of_the_elbo_shows_what_its_sentence_says() -> None:
    made = lesson("elbo")
    assert "often has less variance" in says("elbo")
    assert float(made.draws["B"].var()) < float(made.draws["A"].var())


def test_the_identity_is_derived_before_it_is_stated() -> None:
    steps = [step.says for step in lesson("elbo").equations()]
    derived = next(k for k, text in enumerate(steps) if "derivation" in text)
    stated = next(k for k, text in enumerate(steps) if "identity" in text)
    assert derived < stated


def test_a_missed_mode_costs_at_most_twice_log_two() -> None:
    row = next(row for row in CHANGES if row[0] == "a missed mode")
    assert "2 log 2" in row[2]
    # With the halves exactly apart the divergence of that row, 2 JS, comes to it.
    far = lesson("kl_js", {"gap": 0.0, "mean": 6.0, "sd": 0.5})
    assert 2 * far.values_now["js"] <= 2 * math.log(2)
    assert 2 * far.values_now["js"] == pytest.approx(2 * math.log(2), abs=0.01)


def test_the_table_of_changes_renames_the_nets_and_their_inputs() -> None:
    text = str(CHANGES)
    for words in (
        "discriminator D(x), named D",
        "a draw z of the encoder",
        "a draw z of the prior",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("bayes", "without loops"),
        ("divergence", "wherever the log-normaliser A and its gradient are closed"),
        ("zoo", "holds neither for the hinge nor for WGAN"),
        ("families", "correction for the rejection"),
        ("families", "elliptical standardisation"),
        ("advi", "For a Gaussian posterior"),
        ("gan_game", "where D < ½"),
        ("svi", "needs no MCMC"),
        ("visible", "no latent variable to infer"),
        ("wgan", "but not conversely"),
        ("kl_js", "not symmetric"),
        ("kl_js", "log 2 − JS"),
    ],
)
def test_a_sentence_is_right(name: str, right: str) -> None:
    assert right in says(name)


@pytest.mark.parametrize("name", chapters())
def test_every_option_has_a_label_in_words(name: str) -> None:
    for row in LESSONS[name].table({}):
        assert "_" not in row.title


def test_the_game_starts_with_a_move_made() -> None:
    made = lesson("gan_game")
    assert made.played.d > 0
    assert made.played.g > 0


def test_the_lessons_first_use_what_they_explain() -> None:
    order = chapters()
    assert order.index("kl_js") < order.index("elbo") < order.index("vae_to_gan")
