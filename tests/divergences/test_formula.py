"""A user's own generator: read safely, refused in words, equal to the rows of the table."""

from __future__ import annotations

import math

import pytest
import torch

from genlab.core.errors import SpecError
from genlab.divergences.f import F
from genlab.divergences.formula import from_formula
from genlab.divergences.formula_tree import MAX_LENGTH, parse
from genlab.divergences.mixtures_1d import gaussian
from genlab.divergences.quadrature import bound_1d, divergence_1d

P, Q = gaussian(0.0, 1.0), gaussian(0.7, 1.3)
KNOWN = {
    "kl": "u*log(u)",
    "reverse_kl": "-ln(u)",
    "pearson": "(u-1)^2",
    "neyman": "(1 - u)**2 / u",
    "squared_hellinger": "(sqrt(u) − 1)²",
    "jeffrey": "(u-1)·log(u)",
    "js": "u*log(u) - (u+1)*log((1+u)/2)",
    "alpha": "-4*(u^0.5 - 1 - 0.5*(u - 1))",
    "total_variation": "abs(u-1)/2",
}
known = pytest.mark.parametrize("name", KNOWN)


def double(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


@known
def test_formula_reproduces_its_row(name):
    row, own = F[name], from_formula(KNOWN[name])
    u = torch.linspace(-6.0, 6.0, 200, dtype=torch.float64).exp()
    torch.testing.assert_close(own.f(u), row.f(u), rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(own.f_prime(u), row.f_prime(u), rtol=1e-9, atol=1e-11)
    t = row.critic(torch.linspace(-6.0, 6.0, 60, dtype=torch.float64))
    torch.testing.assert_close(own.conjugate(t), row.conjugate(t), rtol=1e-8, atol=1e-8)
    assert own.threshold == pytest.approx(row.threshold, abs=1e-9)
    assert own.at_zero == pytest.approx(row.at_zero, abs=1e-9)
    assert own.slope_at_infinity == pytest.approx(row.slope_at_infinity, abs=1e-9)
    assert own.domain.high == pytest.approx(row.domain.high, abs=1e-9)
    assert own.symmetric == row.symmetric
    found = divergence_1d(own, P, Q)
    assert found.value == pytest.approx(divergence_1d(row, P, Q).value, rel=1e-9)
    assert found.series.kind == "exact"


@known
def test_formula_has_a_usable_activation_and_a_tight_bound(name):
    own = from_formula(KNOWN[name])
    v = torch.linspace(-30.0, 30.0, 241)
    assert bool(own.conjugate_of_activation(v).isfinite().all())
    assert own.activation(v).dtype == torch.float32
    wide = v.double()
    t = own.activation(wide)
    assert bool((t[1:] >= t[:-1]).all())
    middle = wide[wide.abs() < 5.0]
    inside = own.activation(middle)
    assert bool(own.domain.contains(inside).all())
    torch.testing.assert_close(
        own.conjugate_of_activation(middle), own.conjugate(inside), rtol=1e-6, atol=1e-7
    )
    exact = divergence_1d(own, P, Q).value
    tight = bound_1d(own, lambda x: own.critic(P(x) - Q(x)), P, Q).value
    assert tight == pytest.approx(exact, abs=1e-5)
    bent = bound_1d(
        own, lambda x: own.score(P(x) - Q(x)).clamp(-15, 15) + 0.1 * x.sin(), P, Q, score=True
    )
    assert bent.value < exact


def test_gradients_reach_the_score():
    for text in ("u*log(u)", "(u-1)^2", "abs(u-1)/2", "u*log(u) - (u+1)*log((1+u)/2)"):
        own = from_formula(text)
        v = torch.linspace(-3.0, 3.0, 13, dtype=torch.float64, requires_grad=True)
        for function in (own.activation, own.conjugate_of_activation):
            (slope,) = torch.autograd.grad(function(v).sum(), v)
            with torch.no_grad():
                numerical = (function(v + 1e-5) - function(v - 1e-5)) / 2e-5
            torch.testing.assert_close(slope, numerical, rtol=1e-5, atol=1e-6)
            assert bool((slope > 0).any())
    t = double(-0.5, 0.0, 0.25).requires_grad_()
    (u,) = torch.autograd.grad(from_formula("u*log(u)").conjugate(t).sum(), t)
    torch.testing.assert_close(u, (t.detach() - 1.0).exp(), rtol=1e-8, atol=1e-10)


OTHERS = {
    # formula: (f(0), lim f(u)/u, an exact value of the conjugate: t, f*(t))
    "exp(u) - e*u": (1.0, math.inf, 1.0, (math.e + 1) * math.log(math.e + 1) - (math.e + 1)),
    "2^u - 2": (-1.0, math.inf, 4 * math.log(2.0), 8 * math.log(2.0) - 2.0),
    "1/u - 1": (math.inf, 0.0, -4.0, 1.0 - 4.0),
    "max(0, 1 - u)": (1.0, 0.0, -0.5, -0.5),
    "u^3 - 1": (-1.0, math.inf, 12.0, 24.0 - 7.0),
    "max(0, abs(u-1) - 0.5)": (0.5, 1.0, 0.5, 0.75),
    "u^u - 1": (0.0, math.inf, 1.0, 1.0),
}


@pytest.mark.parametrize("text", OTHERS)
def test_generators_outside_the_table(text):
    at_zero, at_infinity, t, expected = OTHERS[text]
    own = from_formula(text)
    assert own.at_zero == pytest.approx(at_zero, abs=1e-9)
    assert own.slope_at_infinity == pytest.approx(at_infinity, abs=1e-9)
    assert float(own.conjugate(double(t))[0]) == pytest.approx(expected, abs=1e-7)
    minus = -math.inf
    parts = own.integrand(double(minus, 0.0), double(0.0, minus))
    assert parts.tolist() == pytest.approx([at_zero, at_infinity])


def test_far_tails_are_exact_in_signed_logarithms():
    # The ratio e^{±5000} fits no float; −log u and u log u at it are plain numbers.
    found = from_formula("-log(u)").integrand(double(-5000.0), double(0.0))
    assert float(found[0]) == pytest.approx(5000.0, rel=1e-12)
    found = from_formula("u*log(u)").integrand(double(0.0), double(-5000.0))
    assert float(found[0]) == pytest.approx(5000.0, rel=1e-12)
    found = from_formula("u^2 - 1").integrand(double(-900.0), double(-1000.0))
    assert float(found[0]) == pytest.approx(math.exp(-800.0 + 1000.0 - 1000.0), rel=1e-9)
    narrow, wide = gaussian(0.0, 0.01), gaussian(0.0, 1.0)
    own, row = from_formula("-log(u)"), F["reverse_kl"]
    assert divergence_1d(own, narrow, wide).value == pytest.approx(
        divergence_1d(row, narrow, wide).value, rel=1e-9
    )


@pytest.mark.parametrize(
    "text",
    [
        "u^2/3 - log(u)*2 + exp(-u)",
        "-(u - 3)^3",
        "abs(log(u))^0.5",
        "max(u, 2) - min(u, 1/2)",
        "-2^-u",
    ],
)
def test_signed_logarithms_agree_with_plain_arithmetic(text):
    node = parse(text)
    l = torch.linspace(-5.0, 5.0, 100, dtype=torch.float64)
    sign, size = node.in_logs(l)
    torch.testing.assert_close(sign * size.exp(), node(l.exp()), rtol=1e-9, atol=1e-9)


def test_formula_is_typeset():
    assert parse("(sqrt(u) - 1)^2").latex() == r"\left(\sqrt{u}-1\right)^{2}"
    assert parse("u - (u - 1)").latex() == r"u-\left(u-1\right)"
    assert parse("pi*u/e").latex() == r"\frac{\pi\,u}{e}"
    assert parse("max(0, 1-u)").latex() == r"\max\left(0, 1-u\right)"


# Hostile and mistaken input ------------------------------------------------------------------

HOSTILE = [
    "__import__('os').system('true')",
    "__import__(u)",
    "u.__class__.__bases__",
    "().__class__",
    "(lambda: u)()",
    "[u for u in (1,2)]",
    "exec(u)",
    "eval(u)",
    "open(u)",
    "getattr(u, u)",
    "globals()",
    "f'{u}'",
    "u; import os",
    "u\nimport os",
    "u := 1",
    "log.__globals__",
    "log(*u)",
    "log(**u)",
    "log(u, base=2)",
    "u if u else 1",
    "u and 1",
    "not u",
    "u < 1",
    "u[0]",
    "{u}",
    "...",
    "None",
    "True",
    "'u'",
    "1j*u",
    "u // 2",
    "u @ u",
    "u % 2",
    "u << 999999999",
    "~u",
    "yield u",
    "\x00",
    "u\u200b",
    "ｕ",
    "log",
    "x*log(x)",
    "sin(u)",
    "log()",
    "max(u)",
    "2u",
    "(u",
    "u +",
    "",
    "   ",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_not_a_formula_is_refused_in_words(text):
    with pytest.raises(SpecError) as caught:
        from_formula(text)
    message = str(caught.value)
    assert "formula" in message
    advice = ("allowed", "for example", "takes", "may be used", "real")
    assert any(words in message for words in advice)
    assert "Traceback" not in message


def test_other_types_are_refused():
    for value in (None, 3, b"u", ["u"]):
        with pytest.raises(SpecError):
            from_formula(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "(" * 90 + "u" + ")" * 90,
        "(" * 5000 + "u" + ")" * 5000,
        "-" * 150 + "u",
        "-" * 10**6 + "u",
        "u" + "+u" * 99,
        "exp(" * 30 + "u" + ")" * 30,
        "9**9**9**9**9*u",
        "u**9**9**9**9",
        "9" * 150 + "*u",
        "1e999*u",
        "u" * (MAX_LENGTH + 1),
        "2**" * 50 + "u",
    ],
)
def test_bombs_are_refused_at_once(text):
    import time

    start = time.perf_counter()
    with pytest.raises(SpecError):
        from_formula(text)
    assert time.perf_counter() - start < 2.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1/0", "finite"),
        ("0/0 + u", "finite"),
        ("u/(1-1)", "finite"),
        ("log(u - 1)", "finite"),
        ("log(-u)", "finite"),
        ("sqrt(u - 0.5) + u", "finite"),
        ("exp(exp(exp(u)))", "finite"),
        ("1/(u-1)", "finite|convex"),
        ("(0-1)^0.5 + u", "finite"),
        ("log(u)", "convex"),
        ("sqrt(u) - 1", "convex"),
        ("(u-1)^3", "convex"),
        ("1/(u-2)^2 - 1", "convex"),
        ("abs(log(u))", "convex"),
        ("-(u-1)^2", "convex"),
        ("u*(1-u)*(u-2)", "convex"),
        ("max(0, 1 - abs(u - 1)) - 1", "convex"),
        ("min(u, 1) - 1", "convex"),
        ("u - 1", "straight"),
        ("0*u", "straight"),
        ("3", "straight"),
        ("u^2", r"f\(1\) must be 0 and is 1; write u\^2 - 1"),
        ("abs(u - 1)/2 - 0.25", r"is -0\.25; write .* \+ 0\.25"),
        ("u*log(u) - (u+1)*log(u+1)", r"is -1\.38629"),
    ],
)
def test_generators_that_are_none_are_refused_and_say_why(text, words):
    with pytest.raises(SpecError, match=words):
        from_formula(text)


def test_shift_is_offered():
    own = from_formula("u*log(u) - (u+1)*log(u+1)", shift=True)
    assert float(own.f(double(1.0))[0]) == pytest.approx(0.0, abs=1e-12)
    assert divergence_1d(own, P, Q).value == pytest.approx(
        divergence_1d(F["js"], P, Q).value, rel=1e-9
    )


def test_conjugate_is_infinite_beyond_its_domain_and_nan_stays_nan():
    own = from_formula("u*log(u) - (u+1)*log((1+u)/2)")
    assert float(own.conjugate(double(0.7))[0]) == math.inf
    assert math.isnan(float(own.conjugate(double(math.nan))[0]))
    assert own.conjugate(torch.tensor([0.1])).dtype == torch.float32
