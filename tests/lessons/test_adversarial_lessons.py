"""The lessons of the adversarial side against closed forms, scipy, and each other."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from genlab.core.errors import SpecError
from genlab.core.tables import OBJECTIVES
from genlab.divergences.f import F
from genlab.divergences.mixtures_1d import f_gan_mixture
from genlab.lessons import LESSONS, gan_game_numbers, lesson
from genlab.lessons import gan_game as game_lesson
from genlab.lessons.dcgan import DCGANRules
from genlab.lessons.dcgan_rules import RULES
from genlab.lessons.fgan import FDivergences
from genlab.lessons.game_boards import read, write
from genlab.lessons.gan_game import GANGame
from genlab.lessons.loss_entries import best_output, entries
from genlab.lessons.loss_zoo import Zoo
from genlab.lessons.panels import Curves, Matrix, Table
from genlab.lessons.vae_to_gan import VAEToGAN
from genlab.lessons.wgan import Wasserstein
from genlab.objectives.adversarial import AdversarialLoss, objective_of


def game(**values: object) -> GANGame:
    made = lesson("gan_game", values)
    assert isinstance(made, GANGame)
    return made


def js_of(p: object, q: object) -> float:
    """JS by scipy's quadrature."""

    def integrand(x: float) -> float:
        a, b = p.pdf(x), q.pdf(x)
        m = (a + b) / 2
        return 0.5 * ((a * math.log(a / m) if a else 0) + (b * math.log(b / m) if b else 0))

    return integrate.quad(integrand, -20, 20, limit=400, points=[0, 2])[0]


# ---------------------------------------------------------------------------------- the game


def test_the_game_starts_at_the_published_values() -> None:
    made = game(moves="")
    assert made.js == pytest.approx(0.33683082, abs=1e-7)
    first = made.played.moments[0]
    assert first.best == pytest.approx(-0.71263273, abs=1e-7)
    # D is ½ everywhere at first.
    assert first.value == pytest.approx(-2 * math.log(2), abs=1e-9)
    x = torch.linspace(-3, 4, 8, dtype=torch.float64)[:, None]
    logit = made.game.log_ratio(made.state.phi, x)
    assert logit.tolist() == pytest.approx((2 - 2 * x[:, 0]).tolist(), abs=1e-9)


def test_a_linear_discriminator_finds_the_exact_line() -> None:
    made = game(critic="linear", moves="D600", rate_d=0.05)
    assert made.state.theta.tolist() == pytest.approx([-2, 2], abs=0.02)
    last = made.played.moments[-1]
    assert last.value == pytest.approx(-0.71263273, abs=1e-4)
    assert (made.played.d, made.played.g) == (600, 0)


def test_a_net_comes_near_the_best_and_never_beyond() -> None:
    made = game(moves="D200")
    assert all(m.value <= m.best + 1e-12 for m in made.played.moments)
    assert made.gap < 2e-3
    assert made.played.moments[-1].best == made.played.moments[0].best


def test_a_step_of_either_player_moves_that_one_alone() -> None:
    before, d, g = (game(moves=m).state for m in ("D5", "D6", "D5 G1"))
    assert torch.equal(before.phi, d.phi)
    assert not torch.equal(before.theta, d.theta)
    assert torch.equal(before.theta, g.theta)
    # One step of descent of the true slope, by central differences.
    made = game(moves="D5")
    for k in range(2):
        ends = []
        for sign in (1, -1):
            phi = before.phi.clone()
            phi[k] += sign * 1e-5
            ends.append(float(made.game.loss_g(before.theta, phi)))
        slope = (ends[0] - ends[1]) / 2e-5
        assert float(g.phi[k] - before.phi[k]) == pytest.approx(-0.2 * slope, abs=1e-7)


@pytest.mark.parametrize("board", ["gaussian", "plane"])
def test_rounds_take_the_generator_to_the_data(board: str) -> None:
    made = game(board=board, moves="D50 R60", loss="nonsaturating")
    d = made.game.dim
    assert made.state.phi[:d].tolist() == pytest.approx([0.0] * d, abs=0.05)
    assert made.state.phi[d:].tolist() == pytest.approx(
        [0.0] * (len(made.state.phi) - d), abs=0.05
    )
    assert made.js < 1e-3


def test_one_more_move_costs_one_more_step(monkeypatch: pytest.MonkeyPatch) -> None:
    game(moves="D40 G3").played  # noqa: B018 - it is kept for the next
    steps = []
    whole = gan_game_numbers.Game.step_d
    monkeypatch.setattr(
        gan_game_numbers.Game, "step_d", lambda self, state: steps.append(1) or whole(self, state)
    )
    longer = game(moves="D40 G3 D2").played
    assert len(steps) == 2
    gan_game_numbers._KEPT.clear()
    again = game(moves="D40 G3 D2").played
    assert len(steps) == 44
    assert torch.equal(longer.state.theta, again.state.theta)


def test_moves_as_text() -> None:
    assert write(read(" d3, D2 g R4r ")) == "D5 G1 R5"
    for move in GANGame.moves[:6]:
        assert len(read(move.after("D1 G1 R1"))) in (3, 4)
    undo, restart = GANGame.moves[6:]
    assert (undo.after("D5 G1"), restart.after("D5")) == ("D5", game_lesson.OPENING)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"moves": "D3 X"}, "moves"),
        ({"moves": "D9000"}, "at most 4000 steps"),
        ({"board": "two bumps", "rate_g": 5.0, "moves": "D100 G60"}, "left the board"),
    ],
)
def test_a_game_that_cannot_be_played_is_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        game(**values).prepare(lambda _part, _says: None)


# -------------------------------------------------------------------------- from VAE to GAN


def test_the_vae_matches_moments_and_the_gan_a_mode() -> None:
    made = lesson("vae_to_gan")
    assert isinstance(made, VAEToGAN)
    weights, means, stds = np.array([0.3, 0.7]), np.array([-1.5, 1.5]), np.array([0.5, 0.8])
    mean = (weights * means).sum()
    variance = (weights * (stds**2 + means**2)).sum() - mean**2
    assert made.vae.marginal.mean == pytest.approx(mean, abs=1e-4)
    assert made.vae.marginal.variance == pytest.approx(variance, abs=1e-3)
    # The non-saturating generator leaves the left bump out.
    assert made.q.mean > 1.2
    assert math.sqrt(made.q.variance) < 1.0
    assert made.apart["kl"][0] < made.apart["kl"][1]
    assert made.apart["reverse_kl"][1] < made.apart["reverse_kl"][0]


def test_minimax_ends_where_js_is_least() -> None:
    made = lesson("vae_to_gan", {"loss": "minimax"})
    assert isinstance(made, VAEToGAN)
    mixture = [(0.3, stats.norm(-1.5, 0.5)), (0.7, stats.norm(1.5, 0.8))]

    class P:
        @staticmethod
        def pdf(x: float) -> float:
            return sum(w * law.pdf(x) for w, law in mixture)

    at = made.q.mean, math.sqrt(made.q.variance)
    here = js_of(P, stats.norm(*at))
    assert 2 * here == pytest.approx(made.apart["js"][1], abs=1e-6)
    for step in ((0.05, 0), (-0.05, 0), (0, 0.05), (0, -0.05)):
        assert js_of(P, stats.norm(at[0] + step[0], at[1] + step[1])) > here


# ---------------------------------------------------------------------------------- f-GAN


def test_the_best_gaussians_are_those_of_the_experiment() -> None:
    made = lesson("fgan")
    assert isinstance(made, FDivergences)
    published = {  # mean, standard deviation, divergence
        "kl": (1.0100, 1.8308, 0.2831),
        "reverse_kl": (1.5782, 1.6319, 0.2480),
        "js": (1.3070, 1.7542, 0.1280),
        "jeffrey": (1.3218, 1.7034, 0.5705),
        "pearson": (0.5737, 1.9274, 0.6457),
    }
    found = {fit.row.name: (fit.mean, fit.std, fit.divergence.value) for fit in made.fits}
    for name, row in published.items():
        assert found[name] == pytest.approx(row, abs=2e-3)
    order = sorted(published, key=lambda name: found[name][0])
    assert order == ["pearson", "kl", "js", "jeffrey", "reverse_kl"]
    assert sorted(published, key=lambda name: -found[name][1]) == order
    assert made.p.stds[0] == pytest.approx(f_gan_mixture().stds[0], abs=1e-3)


def test_each_column_of_the_cross_table_is_best_on_its_diagonal() -> None:
    made = lesson("fgan")
    assert isinstance(made, FDivergences)
    table, names = made.cross, [row.name for row in made.rows]
    assert (table.diagonal() <= table.min(0) * (1 + 1e-9)).all()
    assert (table > table.min(0) * (1 + 1e-6)).sum() >= 80
    # The row alpha at ½ is twice squared Hellinger: the same Gaussian is best.
    k, h = names.index("alpha"), names.index("squared_hellinger")
    assert table[:, k] == pytest.approx(2 * table[:, h], rel=1e-6)


def test_an_infinite_divergence_is_a_word_not_a_gap() -> None:
    values = {"divergence": "neyman", "sd1": 2.5, "sd2": 0.2, "mean2": 4.0}
    made = lesson("fgan", values)
    assert isinstance(made, FDivergences)
    (matrix,) = (p for p in made.panels() if isinstance(p, Matrix))
    infinite = np.isinf(made.cross)
    assert infinite.any()
    texts = np.array(matrix.texts)
    assert (texts[infinite] == "infinite").all()
    assert not (texts[~infinite] == "infinite").any()
    assert np.isfinite(matrix.values).all()
    assert not np.isnan(made.cross).any()
    for check in made.check():
        assert check.holds, check


def test_a_short_training_is_bounded_by_the_divergence() -> None:
    made = lesson("fgan", {"divergence": "kl", "train": 300})
    assert isinstance(made, FDivergences)
    seen: list[float] = []
    made.prepare(lambda part, _says: seen.append(part))
    assert seen == sorted(seen)
    assert 0 <= seen[0] < 0.2 < seen[-1] <= 1
    run = made.trained
    assert run is not None
    error = (run.bound.high - run.bound.low) / 3.92
    assert run.bound.value <= run.exact + 4 * error
    assert run.exact >= made.best.divergence.value - 1e-9
    # It has come most of the way from N(0, 1).
    assert abs(run.averaged[0] - made.best.mean) < 0.5
    assert len(made.panels()) == len(lesson("fgan", {"divergence": "kl"}).panels()) + 2


def test_a_parameter_that_a_family_excludes_is_refused() -> None:
    with pytest.raises(SpecError, match="alpha"):
        lesson("fgan", {"divergence": "alpha", "alpha": "1"})
    assert lesson("fgan", {"divergence": "alpha", "alpha": "2"}).row.parameter.value == 2


# --------------------------------------------------------------------------------- DCGAN


def test_every_dropped_rule_shows_in_its_measure() -> None:
    made = lesson("dcgan", {"width": 8})
    assert isinstance(made, DCGANRules)
    kept = made._at("none").measures
    found = {r.name: getattr(made._at(r.name).measures, r.shown_by) for r in RULES}
    assert found["batch norm"] < 1e-2 * kept.code
    assert found["clean edges"] == pytest.approx(0, abs=1e-5)
    assert kept.notices > 1e-3
    assert found["tanh"] == pytest.approx(0.5, abs=0.05)
    assert kept.output == pytest.approx(0, abs=0.1)
    assert found["strides"] == pytest.approx(0.75, abs=1e-6)
    assert kept.blind == 0
    assert found["leaky"] == pytest.approx(0.5, abs=0.15)
    assert kept.dead == 0
    assert found["relu"] < 0.5 * kept.code
    # From 0.5 % to 5 % of the outputs, by the seed; of small weights none at all.
    assert found["small weights"] > 1e-3
    assert kept.saturated == 0
    assert found["no linear layer"] > 5 * kept.weights
    assert kept.spread == pytest.approx(0.02, abs=0.001)


@pytest.mark.parametrize("rule", [rule.name for rule in RULES])
def test_the_rules_hold_and_the_dropped_one_breaks(rule: str) -> None:
    for check in lesson("dcgan", {"rule": rule, "size": 8, "width": 8}).check():
        assert check.holds, check


def test_the_checks_of_the_rules_can_fail() -> None:
    made = lesson("dcgan", {"width": 8, "size": 8})
    assert isinstance(made, DCGANRules)
    for rule, failing in (("batch norm", 2), ("leaky", 1), ("small weights", 1)):
        broken = lesson("dcgan", {"width": 8, "size": 8})
        next(r for r in RULES if r.name == rule).drop(broken.gan)
        assert sum(not check.holds for check in broken.check()) >= failing


# ---------------------------------------------------------------------------------- WGAN


@pytest.mark.parametrize(("distance", "raw"), [(1, 1.05), (2, 2.2), (4, 4.8)])
def test_a_penalised_plane_has_the_known_bias(distance: float, raw: float) -> None:
    made = lesson("wgan", {"distance": distance})
    assert isinstance(made, Wasserstein)
    assert made.linear_gp.raw == pytest.approx(raw, rel=0.02)
    assert made.linear_gp.slope == pytest.approx(1 + distance / 20, rel=0.01)
    assert made.linear_gp.raw / made.linear_gp.slope == pytest.approx(distance, rel=0.02)


def test_js_is_flat_where_w1_is_not() -> None:
    made = lesson("wgan", {"sd": 0.5})
    assert isinstance(made, Wasserstein)
    theta = torch.tensor([0.5, 1.0, 5.0, 6.0], dtype=torch.float64)
    js = made.js(theta)
    for t, value in zip(theta.tolist(), js.tolist(), strict=True):
        assert value == pytest.approx(js_of(stats.norm(0, 0.5), stats.norm(t, 0.5)), abs=1e-5)
    assert float(js[3] - js[2]) < 1e-6
    assert made.kl(theta).tolist() == pytest.approx([0.5, 2, 50, 72])


def test_points_are_at_log_2_and_infinitely_far() -> None:
    made = lesson("wgan", {"law": "points"})
    assert isinstance(made, Wasserstein)
    theta = torch.tensor([0.0, 0.1, 5.0], dtype=torch.float64)
    assert made.js(theta).tolist() == pytest.approx([0, math.log(2), math.log(2)])
    assert made.kl(theta).tolist() == [0, math.inf, math.inf]
    assert "KL = infinite nats" in made.equations()[0].values[1].text
    for check in made.check():
        assert check.holds, check
    shown = [c for p in made.panels() if isinstance(p, Curves) for c in p.curves]
    assert any(c.name == "KL: infinite" for c in shown)


# ----------------------------------------------------------------------------------- zoo


def test_the_expected_gradient_of_the_non_saturating_loss() -> None:
    made = lesson("zoo", {"mean": 1.0, "sd": 1.0, "bumps": 0.0})
    assert isinstance(made, Zoo)
    entry = next(e for e in entries() if e.name == "nonsaturating")
    # p = N(0, 1), q = N(m, 1): KL(q‖p) = m²/2, so its slope is m; that of JS by scipy.
    h = 1e-4
    slope = (
        js_of(stats.norm(), stats.norm(1 + h, 1)) - js_of(stats.norm(), stats.norm(1 - h, 1))
    ) / (2 * h)
    assert made.pull(entry) == pytest.approx(1.0 - 2 * slope, abs=1e-5)


@pytest.mark.parametrize(
    "values",
    [
        {"mean": -2.0, "sd": 1.3, "bumps": 4.0, "loss": "lsgan"},
        {"loss": "fgan pearson", "beside": "fgan neyman alternative", "sd": 1.0},
        {"loss": "r3gan", "beside": "wgan", "mean": 0.0},
    ],
)
def test_the_identities_hold_elsewhere(values: dict[str, object]) -> None:
    made = lesson("zoo", values)
    found = made.check()
    assert len(found) >= 8
    for check in found:
        assert check.holds, check
    assert made.panels()


def test_the_best_critic_found_is_that_of_the_table() -> None:
    ratio = torch.tensor([-1.5, -0.3, 0.4, 1.2], dtype=torch.float64)
    table = {entry.name: entry for entry in entries()}
    for name in ("kl", "reverse_kl", "pearson", "neyman", "js", "gan", "squared_hellinger"):
        found = best_output(table[f"fgan {name}"].loss, ratio)
        assert found.tolist() == pytest.approx(F[name].score(ratio).tolist(), abs=1e-6)
    lsgan = best_output(table["lsgan"].loss, ratio)
    assert lsgan.tolist() == pytest.approx(ratio.sigmoid().tolist(), abs=1e-9)
    assert best_output(table["hinge"].loss, ratio).tolist() == pytest.approx([-1, -1, 1, 1])
    assert best_output(table["wgan"].loss, ratio).isnan().all()


def test_a_new_loss_and_a_new_divergence_appear_by_themselves() -> None:
    def generator_loss(v: torch.Tensor) -> torch.Tensor:
        return (-v).exp()

    row = AdversarialLoss(
        "boosted", "Boosted GAN", "", lambda v: (-v).exp(), lambda v: v.exp(), generator_loss,
        logit=False,
    )  # fmt: skip
    twice = replace(F["kl"], name="kl_again", title="KL again")
    OBJECTIVES.register("boosted", title="Boosted GAN")(objective_of(row))
    F.register("kl_again", title="KL again")(twice)
    try:
        made = lesson("zoo", {"loss": "boosted", "beside": "fgan kl_again"})
        (table,) = (p for p in made.panels() if isinstance(p, Table))
        assert {"Boosted GAN", "f-GAN KL again"} <= {line[0] for line in table.rows}
        # p e^{−v} + q e^v is least at v = ½ log p/q.
        best = best_output(row, torch.ones(1, dtype=torch.float64))
        assert float(best) == pytest.approx(0.5, abs=1e-9)
        assert all(check.holds for check in made.check())
        assert "kl_again" in [r.name for r in lesson("fgan").rows]
    finally:
        OBJECTIVES.unregister("boosted")
        F.unregister("kl_again")
    assert "boosted" not in LESSONS["zoo"].Options.table()[0].choices
