"""Links of earlier versions open their pages with the same state."""

from __future__ import annotations

import pytest

#: Page, parameters of the link (names in braces are runs of the shelf), and what the URL holds
#: after the page has opened; None: not in the URL.
LINKS = [
    ("watch", {"run": "{vae}"}, {"run": "{vae}", "step": None}),
    ("watch", {"run": "{vae}", "step": "20"}, {"run": "{vae}", "step": "20"}),
    ("watch", {"run": "{vae}", "step": "999999"}, {"run": "{vae}", "step": "40"}),
    ("watch", {"run": "{vae}", "step": "soon"}, {"run": "{vae}", "step": None}),
    ("compare", {"runs": "{vae},{cvae}"}, {"runs": "{vae},{cvae}", "step": None}),
    ("compare", {"runs": "{vae},{cvae}", "step": "9"}, {"step": "9", "clock": None}),
    (
        "compare",
        {"runs": "{vae},{cvae}", "clock": "seconds", "second": "0.5"},
        {"clock": "seconds", "second": "0.5", "step": None},
    ),
    ("compare", {"runs": "{vae},{cvae}", "clock": "moon"}, {"clock": None, "second": None}),
    (
        "explore",
        {"run": "{vae}", "step": "40", "method": "pca", "n": "200", "seed": "3", "dims": "3"},
        {"run": "{vae}", "step": "40", "n": "200", "seed": "3", "dims": "3", "what": "data"},
    ),
    ("explore", {"run": "{vae}", "what": "both", "n": "500"}, {"what": "both", "n": "500"}),
    ("learn", {"lesson": "elbo"}, {"lesson": "elbo"}),
    ("learn", {"lesson": "visible", "scale": "4"}, {"lesson": "visible", "scale": "4"}),
    (
        "train",
        {"data": "ring", "model": "vae", "steps": "777", "modes": "5", "lr": "0.003"},
        {"data": "ring", "model": "vae", "steps": "777", "modes": "5", "lr": "0.003"},
    ),
    ("data", {"data": "ring", "modes": "5"}, {"data": "ring", "modes": "5"}),
]


@pytest.mark.parametrize(
    ("page", "link", "expected"), LINKS, ids=[f"{page}-{i}" for i, (page, *_) in enumerate(LINKS)]
)
def test_a_link_of_an_earlier_version_opens_its_state(visit, shelf, page, link, expected):
    app = visit(page, **{name: text.format(**shelf) for name, text in link.items()})
    assert not app.exception
    for name, text in expected.items():
        if text is None:
            assert name not in app.query_params
        else:
            assert app.query_params[name] == text.format(**shelf)
