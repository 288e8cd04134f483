"""Hand-outs opened from the disk, without a network, in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from genlab import runs
from tests.browser.axe import violations

EVIL = "<script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\">"
DECODED = """() => [...document.querySelectorAll(".gl-pad")].map(({ pad }) => {
    return { z: Array.from(pad.z), x: pad.decoded, frames: pad.frames };
})"""
PIXELS = """() => {
    const canvas = document.querySelector(".gl-pad .gl-decoded");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return Array.from(data.filter((_, i) => i % 4 === 0));
}"""


@pytest.fixture(scope="module")
def made(app: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A GAN on a ring, and it beside a VAE with a hostile title, each as a hand-out."""
    from genlab import cli
    from genlab.runs import foreground

    small = {"hidden": 16, "batch": 32, "latent": 3}
    ring = foreground.train({"model": "gan", "data": "ring", "steps": 60, **small}, title="Ring")
    vae = foreground.train({"model": "vae", "data": "digits", "steps": 40, **small}, title=EVIL)
    folder = tmp_path_factory.mktemp("handouts")
    one, two = folder / "ring.html", folder / "two.html"
    assert cli.main(["replay", ring.id, "--out", str(one)]) == 0
    assert cli.main(["replay", vae.id, ring.id, "--out", str(two)]) == 0
    yield {"ring": ring, "vae": vae, "one": one, "two": two, "folder": folder}
    for view in (ring, vae):
        runs.delete(view.id)


@pytest.fixture
def opened(browser: Any) -> Iterator[Any]:
    """Opens a file without a network; at the end nothing was asked of one and nothing failed."""
    contexts, asked, said = [], [], []

    def visit(path: Path, width: int = 1280, scheme: str = "light", hash_: str = "") -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(path.as_uri() + hash_)
        page.locator(".gl-panel figure[data-step]").first.wait_for()
        return page

    yield visit
    for context in contexts:
        context.close()
    assert all(url.startswith(("file:", "blob:", "data:")) for url in asked), asked
    assert len([url for url in asked if url.startswith("file:")]) == len(contexts)
    assert said == []


def steps_shown(page: Any) -> set[str]:
    return set(
        page.eval_on_selector_all(
            ".gl-first figure[data-step]", "all => all.map(f => f.dataset.step)"
        )
    )


def test_the_slider_moves_every_picture_and_the_pad(made: Any, opened: Any) -> None:
    from playwright.sync_api import expect

    page = opened(made["one"])
    slider = page.get_by_role("slider", name="Step shown in every picture")
    assert steps_shown(page) == {"60"}
    slider.focus()
    slider.press("Home")
    expect(page.locator("output[for=gl-time]")).to_have_text("step 0")
    expect(page.locator(".gl-first figure[data-step='0']")).to_have_count(2)
    expect(page.get_by_role("heading", name="Ring, decoder after step 0")).to_be_visible()
    slider.press("End")
    expect(page.get_by_role("heading", name="Ring, decoder after step 60")).to_be_visible()
    assert steps_shown(page) == {"60"}


def test_layers_groups_and_links_work_in_the_file(made: Any, opened: Any) -> None:
    from playwright.sync_api import expect

    page = opened(made["one"])
    card = page.locator("[data-card='panel:gap']")
    layer = card.get_by_role("button", name="Warped grid")
    before = layer.get_attribute("aria-pressed")
    layer.click()
    assert layer.get_attribute("aria-pressed") != before
    card.get_by_role("button", name="exact D*(x)").click()
    group = page.get_by_role("button", name="Is it any good?")
    group.click()
    expect(page.locator("[data-card='panel:ledger'] table")).to_be_visible()
    card.get_by_role("link", name="The lesson about").click()
    expect(page.locator("#lesson-gan_game")).to_be_in_viewport()
    assert "two players" in page.locator("#lesson-gan_game").inner_text()


def test_the_pad_decodes_what_the_model_decodes(made: Any, opened: Any) -> None:
    page = opened(made["two"])
    page.wait_for_function(
        "() => [...document.querySelectorAll('.gl-pad')].every(n => n.pad.frames)"
    )
    model = made["vae"].model()
    square = page.locator(".gl-square").first
    square.focus()
    for _ in range(3):
        square.press("Shift+ArrowRight")
        page.wait_for_timeout(60)
    z = page.evaluate(DECODED)[0]["z"]
    assert z != page.evaluate(DECODED)[1]["z"]
    with torch.no_grad():
        expected = model.decode(torch.tensor([z]).float()).mean.flatten()
    found = torch.tensor(page.evaluate(PIXELS)) / 255
    # A canvas keeps whole bytes.
    assert float((found - expected).abs().max()) < 0.51 / 255 + 1e-4
    ring = made["ring"].model()
    at = page.evaluate(DECODED)[1]
    with torch.no_grad():
        point = ring.decode(torch.tensor([at["z"]]).float()).mean.flatten()
    assert torch.allclose(torch.tensor(at["x"]).float(), point, atol=1e-5)


def test_the_address_keeps_the_step(made: Any, opened: Any) -> None:
    from playwright.sync_api import expect

    page = opened(made["one"], hash_="#step=0")
    expect(page.locator("output[for=gl-time]")).to_have_text("step 0")
    slider = page.get_by_role("slider", name="Step shown in every picture")
    slider.focus()
    slider.press("End")
    page.wait_for_function("() => location.hash.includes('step=60')")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 960), ("light", 360)])
@pytest.mark.parametrize("which", ["one", "two"])
def test_it_is_accessible_at_every_width_in_light_and_dark(
    made: Any, opened: Any, which: str, scheme: str, width: int
) -> None:
    page = opened(made[which], width, scheme)
    assert page.title() != "owned"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page) == []
    page.get_by_role("button", name="Show the page in").click()
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (back == "rgb(15, 20, 25)") == (scheme == "light")
    page.wait_for_function(
        "dark => document.querySelector('.gl').classList.contains('gl-dark') === dark",
        arg=scheme == "light",
    )
    assert violations(page) == []


def test_a_site_opens_its_hand_outs_from_the_disk(made: Any, browser: Any) -> None:
    from genlab.replay.site import write_site

    folder = made["folder"] / "site"
    folder.mkdir()
    for name in ("one", "two"):
        shutil.copy(made[name], folder)
    site = write_site(folder, title="Class")
    context = browser.new_context(viewport={"width": 360, "height": 800}, offline=True)
    page = context.new_page()
    page.goto(site.index.as_uri())
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("link", name="Ring", exact=True).click()
    page.locator(".gl-panel figure[data-step]").first.wait_for()
    context.close()


def test_watch_makes_a_file_to_take_home(app: Any, page: Any, tmp_path: Path) -> None:
    from genlab.runs import foreground

    small = {"hidden": 8, "batch": 16, "steps": 5}
    view = foreground.train({"model": "gan", "data": "ring", **small}, title="Take me")
    page.goto(f"{app.url}/watch?run={view.id}")
    page.get_by_text("Take it home").first.click()
    page.get_by_role("button", name="Take it home").click()
    with page.expect_download(timeout=60_000) as download:
        page.get_by_role("button", name="Download the file").click(timeout=60_000)
    path = tmp_path / "file.html"
    download.value.save_as(path)
    assert path.read_bytes().startswith(b"<!doctype html>")
    assert download.value.suggested_filename.startswith("take-me-")
    assert page.console_errors == []
    runs.delete(view.id)
