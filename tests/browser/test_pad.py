"""The pad in a real browser: what is dragged to is what torch decodes."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest
import torch

from genlab import latent, runs
from genlab.models.labels import conditioned_on_class
from tests.browser.test_live import eventually

PIXELS = """(root) => {
  const canvas = root.querySelector(".gl-decoded"), { width, height } = canvas;
  const data = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  return [width, height, Array.from(data)];
}"""


@pytest.fixture(scope="module")
def trained(app):
    """Short runs in the app's own store: VAEs, one given the class, a GAN on points."""
    from genlab.runs import foreground

    made = {
        "vae": {"model": "conv_vae", "data": "digits", "latent": 4, "steps": 60},
        "cvae": {"model": "cvae", "data": "digits", "latent": 3, "steps": 60},
        "ring": {"model": "gan", "data": "ring", "steps": 40},
        "strip": {"model": "vae", "data": "digits", "latent": 1, "steps": 30},
    }
    return {name: foreground.train(values, title=name).id for name, values in made.items()}


def opened(app, page, run, **params):
    """Explore with the pad, once its decoder is there."""
    words = "".join(f"&{name}={value}" for name, value in params.items())
    page.goto(f"{app.url}/explore?run={run}&n=200&tool=pad{words}")
    page.wait_for_selector(".gl-pad[data-program]", timeout=60_000)
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    return page.locator(".gl-pad")


def drag(page, start, end, steps=12):
    """Press at one share of the square, go to another, let go."""
    square = page.locator(".gl-square")
    square.scroll_into_view_if_needed()
    box = square.bounding_box()
    ways = [start + (end - start) * k / steps for k in range(steps + 1)]
    for k, (x, y) in enumerate(ways):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        if k == 0:
            page.mouse.down()
    page.mouse.up()


def committed(page):
    """The z that the address has."""
    page.wait_for_url(re.compile(r"t\.pad_z="))
    # Asked of the page: ``page.url`` is what was last heard of it.
    text = parse_qs(urlparse(page.evaluate("location.href")).query)["t.pad_z"][0]
    return torch.tensor([float(v) for v in text.split(",")])


def bytes_of(x):
    """A picture (C, H, W) in [0, 1] as the canvas has it, (H, W, 3)."""
    pixels = np.rint(255 * np.clip(x.numpy(), 0, 1)).transpose(1, 2, 0)
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3))


def canvas(pad):
    width, height, flat = pad.evaluate(PIXELS)
    return np.array(flat).reshape(height, width, 4)[..., :3]


def test_the_picture_dragged_to_is_what_torch_decodes(app, page, trained, shot):
    pad = opened(app, page, trained["vae"])
    first = canvas(pad)
    node = pad.element_handle()
    drag(page, np.array([0.5, 0.5]), np.array([0.8, 0.3]))
    z = committed(page)
    model = runs.open_run(trained["vae"]).model()
    exact = bytes_of(latent.decode_mean(model, z[None])[0])
    assert np.abs(canvas(pad) - exact).max() <= 1
    assert np.abs(canvas(pad) - first).max() > 20
    # The server heard of it, and drew nothing anew.
    page.wait_for_function(
        "text => document.body.innerText.includes(text)", arg=f"|z| = {float(z.norm()):.3g}"
    )
    assert node.evaluate("node => node.isConnected")
    assert pad.evaluate("root => root.pad.frames") >= 3
    shot("pad", full_page=True)
    address, held = page.url, canvas(pad)
    page.goto("about:blank")
    page.goto(address)
    page.wait_for_selector(".gl-pad[data-program]", timeout=60_000)
    assert np.array_equal(canvas(pad), held)
    assert not page.console_errors


def test_arrow_keys_move_z_along_the_directions(app, page, trained):
    link = {"t.pad_across": "z[1]", "t.pad_up": "z[3]", "t.pad_z": "0.1,0.2,0.3,0.4"}
    pad = opened(app, page, trained["vae"], **link)
    (low, high), (down, up) = pad.evaluate("root => root.pad.data.span")
    page.locator(".gl-square").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowUp")
    page.wait_for_function(
        "() => location.href.includes('pad_z') && !location.href.includes('0.4')"
    )
    wanted = [0.1, 0.2 + (high - low) / 50, 0.3, 0.4 + (up - down) / 10]
    assert committed(page).tolist() == pytest.approx(wanted, rel=1e-3)
    assert not page.console_errors


def test_a_class_is_held_and_points_are_drawn_among_the_data(app, page, trained):
    pad = opened(app, page, trained["cvae"], label="7", **{"t.pad_z": "0.5,-0.5,1"})
    model = conditioned_on_class(runs.open_run(trained["cvae"]).model(), "7")
    exact = bytes_of(latent.decode_mean(model, torch.tensor([[0.5, -0.5, 1.0]]))[0])
    assert np.abs(canvas(pad) - exact).max() <= 1
    pad = opened(app, page, trained["ring"])
    drag(page, np.array([0.5, 0.5]), np.array([0.3, 0.4]))
    z = committed(page)
    exact = latent.decode_mean(runs.open_run(trained["ring"]).model(), z[None])[0]
    assert pad.evaluate("root => root.pad.decoded") == pytest.approx(exact.tolist(), abs=1e-5)
    assert not page.console_errors


def test_one_direction_is_a_strip(app, page, trained, shot):
    pad = opened(app, page, trained["strip"], **{"t.pad_z": "0.25"})
    model = runs.open_run(trained["strip"]).model()
    assert (
        np.abs(canvas(pad) - bytes_of(latent.decode_mean(model, torch.tensor([[0.25]]))[0])).max()
        <= 1
    )
    drag(page, np.array([0.5, 0.5]), np.array([0.85, 0.4]))
    page.wait_for_function("() => !location.href.includes('pad_z=0.25')")
    z = committed(page)
    assert z.shape == (1,)
    assert float(z) > 0.5
    assert np.abs(canvas(pad) - bytes_of(latent.decode_mean(model, z[None])[0])).max() <= 1
    box = page.locator(".gl-square").bounding_box()
    assert box["width"] == pytest.approx(4 * box["height"], rel=0.02)
    shot("pad-strip", full_page=True)
    # A page mounted anew goes on from there: its first move is later than the last one.
    page.reload()
    page.wait_for_selector(".gl-pad[data-program]", timeout=60_000)
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.locator(".gl-square").focus()
    page.keyboard.press("Shift+ArrowLeft")
    eventually(lambda: float(committed(page)) < float(z), "the move after the reload was lost")
    assert not page.console_errors
