"""Uploads: what is no image is refused at once, what is one arrives as the model sees it."""

from __future__ import annotations

import base64
import io
import json
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from genlab import data
from genlab.core.errors import DataError
from genlab.core.run_spec import RunSpec
from genlab.data.base import DataMeta
from genlab.data.image_fitting import BackgroundStyle, background_style, fit_to_model
from genlab.data.image_uploads import BYTES, UploadedImage, read, read_drawing


def encoded(picture: Image.Image, form: str = "PNG", **values: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **values)
    return out.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def bomb(side: int = 50_000) -> bytes:
    """A valid PNG of side × side black pixels, in a few megabytes at most."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
    squeeze = zlib.compressobj(1)
    row = bytes(1 + (side + 7) // 8)
    body = b"".join(squeeze.compress(row * 500) for _ in range(side // 500)) + squeeze.flush()
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def text_bomb() -> bytes:
    """A small PNG whose compressed text would unfold to 200 MB."""
    plain = encoded(Image.new("L", (8, 8), 99))
    squeeze = zlib.compressobj(1)
    million = bytes(10**6)
    body = b"".join(squeeze.compress(million) for _ in range(200)) + squeeze.flush()
    return plain[:33] + chunk(b"zTXt", b"note\0\0" + body) + plain[33:]


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("image.png", b"no image")
    return out.getvalue()


def animated() -> bytes:
    frames = [Image.new("L", (8, 8), value) for value in (0, 128, 255)]
    return encoded(frames[0], save_all=True, append_images=frames[1:])


def jpeg_bomb() -> bytes:
    """A JPEG whose header claims 60,000 × 60,000 pixels."""
    made = bytearray(encoded(Image.new("L", (16, 16), 50), "JPEG"))
    at = made.index(b"\xff\xc0")
    made[at + 5 : at + 9] = struct.pack(">HH", 60_000, 60_000)
    return bytes(made)


def noise() -> bytes:
    rng = np.random.default_rng(0)
    return encoded(Image.fromarray(rng.integers(0, 256, (64, 64), dtype=np.uint8)))


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "the file is empty"),
    "text": (lambda: b"hello, I am an image", "neither a PNG nor a JPEG"),
    "program": (lambda: b"\x7fELF" + bytes(100), "a program"),
    "archive": (archive, "a ZIP archive"),
    "svg": (lambda: b'<?xml version="1.0"?><svg onload="alert(1)"/>', "an SVG"),
    "bare svg": (lambda: b"  <svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG"),
    "gif": (lambda: encoded(Image.new("L", (8, 8)), "GIF"), "a GIF"),
    "bomb": (bomb, "50,000 × 50,000 pixels"),
    "jpeg bomb": (jpeg_bomb, "claims more than the 20 million pixels"),
    "long": (lambda: encoded(Image.new("1", (15_000, 4))), "15,000 × 4 pixels"),
    "text bomb": (text_bomb, "cut off or damaged"),
    "cut header": (lambda: noise()[:20], "has no header"),
    "cut pixels": (lambda: noise()[:1500], "cut off or damaged"),
    "cut jpeg": (lambda: encoded(Image.new("L", (64, 64), 9), "JPEG")[:200], "cut off or damaged"),
    "flipped": (lambda: noise()[:60] + bytes(2000), "cut off or damaged"),
    "empty size": (
        lambda: noise()[:16] + struct.pack(">II", 0, 0) + noise()[24:],
        "0 × 0 pixels",
    ),
    "animated": (animated, "an animated PNG"),
    "huge": (lambda: noise() + bytes(BYTES), "at most 10 MB"),
}

#: A process of its own; Pillow's loaders are no part of what a file costs. Its peak of memory is
#: set back before each file: the one that getrusage tells may be that of who started it.
ALONE = """
import contextlib, json, re, sys, time
from pathlib import Path
from genlab.data.image_uploads import read
from genlab.core.errors import DataError
from PIL import Image; Image.init()
def megabytes(word):
    status = Path("/proc/self/status").read_text()
    return int(re.search(word + r":\\s+(\\d+) kB", status)[1]) / 1024
found = {}
for path in sys.argv[1:]:
    content = open(path, "rb").read()
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    before, start = megabytes("VmRSS"), time.process_time()
    try:
        read(content); words = ""
    except DataError as error:
        words = str(error)
    seconds = time.process_time() - start
    found[path] = [words, seconds, megabytes("VmHWM") - before]
print(json.dumps(found))
"""


def test_hostile_files_are_refused_within_a_second_and_little_memory(tmp_path) -> None:
    paths = {}
    for name, (make, _) in HOSTILE.items():
        paths[name] = tmp_path / f"{name.replace(' ', '-')}.png"
        paths[name].write_bytes(make())
    assert 10_000 < paths["bomb"].stat().st_size < BYTES
    # A photo that is taken.
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(encoded(Image.linear_gradient("L").resize((4000, 3000)), "JPEG"))
    done = subprocess.run(
        [sys.executable, "-c", ALONE, *map(str, [*paths.values(), photo])],
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = json.loads(done.stdout or "{}")
    assert found, done.stderr
    words, _, megabytes = found.pop(str(photo))
    assert words == ""
    assert 1 < megabytes < 64
    for name, (_, reason) in HOSTILE.items():
        said, seconds, megabytes = found[str(paths[name])]
        assert reason in said, (name, said)
        assert "Nothing was stored. Send a PNG or a JPEG." in said
        assert seconds < 1.0, name
        assert megabytes < 48, name


def test_the_reader_is_given_the_reason_and_not_the_bytes() -> None:
    with pytest.raises(DataError) as caught:
        read(b"<svg><script>alert(1)</script></svg>")
    assert "script>" not in str(caught.value)


def quarters() -> Image.Image:
    """Red, green, blue and white quarters: every turn of it is another image."""
    made = Image.new("RGB", (40, 20), (255, 255, 255))
    pen = ImageDraw.Draw(made)
    pen.rectangle((0, 0, 19, 9), fill=(255, 0, 0))
    pen.rectangle((20, 0, 39, 9), fill=(0, 255, 0))
    pen.rectangle((0, 10, 19, 19), fill=(0, 0, 255))
    return made


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_camera_s_orientation_is_applied(orientation: int) -> None:
    # What a camera stores is the upright image with the inverse turn applied.
    stored = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    sent = quarters() if stored is None else quarters().transpose(stored)
    exif = Image.Exif()
    exif[0x0112] = orientation
    for form in ("PNG", "JPEG"):
        more = {"quality": 100, "subsampling": 0} if form == "JPEG" else {}
        found = read(encoded(sent, form, exif=exif.tobytes(), **more))
        assert found.pixels.shape == (20, 40, 3)
        corners = found.pixels[[4, 4, 14, 14], [9, 29, 9, 29]]
        np.testing.assert_allclose(
            corners, [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]], atol=0.03
        )
        assert any("upright" in note for note in found.notes) == (orientation > 1)


def test_sixteen_bits_transparency_palettes_and_inks_become_colours() -> None:
    deep = Image.fromarray(np.array([[0, 32768], [65535, 16384]], dtype=np.uint16))
    found = read(encoded(deep))
    np.testing.assert_allclose(found.pixels[:, :, 0], [[0, 0.5], [1, 0.25]], atol=3e-3)
    assert "16 bits" in found.notes[0]
    clear = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    clear.putpixel((1, 0), (0, 0, 0, 128))
    found = read(encoded(clear))
    np.testing.assert_allclose(found.pixels[0, :, 0], [1.0, 127 / 255], atol=3e-3)
    assert "white" in found.notes[0]
    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putpixel((1, 0), 1)
    np.testing.assert_allclose(read(encoded(palette)).pixels[0], [[1, 0, 0], [0, 0, 1]])
    grey_clear = Image.new("LA", (1, 1), (0, 0))
    np.testing.assert_allclose(read(encoded(grey_clear)).pixels, 1.0)
    inks = Image.new("CMYK", (8, 8), (0, 0, 0, 255))
    found = read(encoded(inks, "JPEG"))
    np.testing.assert_allclose(found.pixels, 0.0, atol=0.02)
    assert "CMYK" in found.notes[0]


def test_a_drawing_is_checked() -> None:
    page = Image.fromarray(np.arange(0, 256, 16, dtype=np.uint8).reshape(4, 4))
    address = "data:image/png;base64," + base64.b64encode(encoded(page)).decode()
    found = read_drawing(address)
    np.testing.assert_allclose(found.pixels[:, :, 0] * 255, np.asarray(page), atol=1e-4)
    for wrong in (None, "", "x", address[:40] + "*", address.replace("png", "svg+xml"), 7):
        with pytest.raises(DataError, match="did not arrive whole"):
            read_drawing(wrong)
    svg = "data:image/png;base64," + base64.b64encode(b"<svg/>").decode()
    with pytest.raises(DataError, match="SVG"):
        read_drawing(svg)


@pytest.fixture(scope="module")
def digits() -> data.Dataset:
    return data.load(RunSpec.build(model="dcgan", data="mnist5k"))


def test_the_manner_of_mnist_is_that_of_its_making(digits: data.Dataset) -> None:
    # LeCun et al.: the digit in a box of 20 × 20, its centre of mass in the middle of 28 × 28.
    found = background_style(digits)
    assert found.ink
    assert found.ground < 0.02
    assert found.extent == pytest.approx(20 / 28, abs=1 / 28)
    assert max(map(abs, found.centre)) < 1.0


def test_a_training_digit_sent_back_large_dark_on_light_and_off_centre_is_found_again(
    digits: data.Dataset,
) -> None:
    how = background_style(digits)
    errors, chance = [], []
    for k in range(12):
        x = digits.train.x[k, 0]
        big = Image.fromarray((255 - 255 * x.numpy()).astype(np.uint8)).resize((84, 84))
        page = Image.new("L", (300, 200), 255)
        page.paste(big, (190, 20))
        seen = fit_to_model(read(encoded(page)), digits.meta, how)
        assert seen.x.shape == digits.meta.shape
        assert any("exchanged" in note for note in seen.notes)
        errors.append(float((seen.x[0] - x).square().mean()))
        chance.append(float((digits.train.x[k + 1, 0] - x).square().mean()))
        rows = (digits.train.x[:500] - seen.x).square().flatten(1).mean(dim=1)
        assert int(rows.argmin()) == k
    assert np.mean(errors) < 0.15 * np.mean(chance)


def test_the_centre_of_mass_of_the_strokes_is_where_the_data_s_is(digits: data.Dataset) -> None:
    page = Image.new("L", (120, 90), 0)
    ImageDraw.Draw(page).polygon([(10, 80), (40, 80), (10, 20)], fill=255)
    seen = fit_to_model(read(encoded(page)), digits.meta, background_style(digits))
    place = torch.arange(28.0) - 13.5
    total = seen.x.sum()
    row, column = background_style(digits).centre
    assert float((seen.x[0].sum(1) @ place) / total) == pytest.approx(row, abs=0.1)
    assert float((seen.x[0].sum(0) @ place) / total) == pytest.approx(column, abs=0.1)
    there = (seen.x[0] > 0.3).any(dim=1).sum()
    assert int(there) in (19, 20, 21)


def test_an_even_page_is_refused_as_a_drawing(digits: data.Dataset) -> None:
    with pytest.raises(DataError, match="one even colour"):
        fit_to_model(
            read(encoded(Image.new("L", (50, 50), 255))), digits.meta, background_style(digits)
        )


def test_a_photo_keeps_its_aspect_and_its_ground() -> None:
    meta = DataMeta((3, 8, 8), "unit")
    page = Image.new("RGB", (40, 20), (255, 0, 0))
    ImageDraw.Draw(page).rectangle((10, 5, 29, 14), fill=(0, 0, 255))
    seen = fit_to_model(read(encoded(page)), meta, BackgroundStyle(0.4))
    assert seen.x.shape == (3, 8, 8)
    np.testing.assert_allclose(seen.x[:, :2].mean(dim=(1, 2)), [1, 0, 0], atol=0.02)
    np.testing.assert_allclose(seen.x[:, 4, 4], [0, 0, 1], atol=0.1)


def test_binary_data_get_binary_pixels(digits: data.Dataset) -> None:
    meta = DataMeta((1, 28, 28), "binary")
    seen = fit_to_model(
        UploadedImage(np.repeat(digits.train.x[0, 0].numpy()[:, :, None], 3, 2), (28, 28)),
        meta,
        background_style(digits),
    )
    assert set(seen.x.unique().tolist()) == {0.0, 1.0}
    with pytest.raises(DataError, match="points"):
        fit_to_model(
            UploadedImage(np.zeros((2, 2, 3), np.float32), (2, 2)),
            DataMeta((2,), "real"),
            background_style(digits),
        )
