"""Your own picture: upload or draw it, encode or invert it, and find its nearest examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from genlab import latent
from genlab.core.errors import DataError
from genlab.core.escape import escape_markdown
from genlab.core.random import scope
from genlab.data import image_fitting, image_uploads
from genlab.data.base import DataMeta
from genlab.figures.tables import lines_figure
from genlab.latent import encoder as learned
from genlab.latent.codes import held_out
from genlab.latent.inversion import EVERY, peak, psnr
from genlab.latent.neighbours import Space, nearest, share_nearer_than_training, space, spaces
from genlab.models.base import GenerativeModel, HasCodebook, HasDecoder, HasEncoder
from genlab.probes.common import frozen_batchnorm
from genlab.ui import pictures
from genlab.ui.explore.draw import canvas
from genlab.ui.explore.embed_point import place_button
from genlab.ui.explore.encoder import encoder_request
from genlab.ui.explore.jobs import wait_for_explore_result
from genlab.ui.explore.scene import Scene, choose_one
from genlab.ui.explore.tool_state import TOOL_STATE
from genlab.ui.explore.tools import TOOLS, Tool
from genlab.ui.messages import empty, fragment, plain_sentence

NEAREST, SAMPLES = 6, 500
SOURCES = {
    "upload": "Upload",
    "draw": "Draw",
    "held": "Held-out",
    "made": "Generated",
}
SPACES = {"pixel": "pixels", "latent": "codes", "feature": "features"}


@TOOLS.register("picture", title="Encode or invert an example")
class YourPicture(Tool):
    """Find the code of an uploaded, drawn or chosen example, and its nearest training examples."""

    icon = ":material/add_photo_alternate:"
    order = 60

    @classmethod
    def fits(cls, model: type[GenerativeModel], meta: DataMeta) -> bool:
        """Whether the tool applies to this model and these data."""
        return issubclass(model, HasDecoder)

    def draw(self, scene: Scene) -> None:
        """Draw the tool for a scene."""
        own_part(scene)


@TOOLS.register("encoder", title="Learn an encoder")
class LearnEncoder(Tool):
    """Train an encoder for a model without one, with its generator frozen."""

    icon = ":material/school:"
    order = 62

    @classmethod
    def fits(cls, model: type[GenerativeModel], meta: DataMeta) -> bool:
        """Whether the tool applies to this model and these data."""
        return learned.fits(model) or issubclass(model, learned.Encoded)

    def draw(self, scene: Scene) -> None:
        """Draw the tool for a scene."""
        encoder_part(scene)


@TOOLS.register("memory", title="Memorisation test")
class Memorisation(Tool):
    """Test whether samples lie nearer to the training set than to held-out examples."""

    icon = ":material/content_copy:"
    order = 64

    @classmethod
    def fits(cls, model: type[GenerativeModel], meta: DataMeta) -> bool:
        """Whether the tool applies to this model and these data."""
        return issubclass(model, HasDecoder)

    def draw(self, scene: Scene) -> None:
        """Draw the tool for a scene."""
        memory_part(scene)


@st.cache_data(max_entries=16, show_spinner=False)
def drawing_style(_scene: Scene, run: str) -> image_fitting.BackgroundStyle:  # noqa: ARG001 - the key
    """The foreground and background of a scene's data."""
    return image_fitting.background_style(_scene.data)


@st.cache_resource(max_entries=24, show_spinner=False)
def space_of(_model: Any, _data: Any, name: Any, *key: Any) -> tuple[Space, Tensor]:  # noqa: ARG001
    """The training examples in a space, and the distances of held-out examples to them."""
    with scope(0, "picture", "reference"), frozen_batchnorm(_model, _data):
        at = space(_model, _data, name)
    return at, nearest(at.held_out[:500], at.train)[0][:, 0]


@fragment()
def own_part(scene: Scene) -> None:
    """Draw a chosen example, its reconstruction, and its nearest training examples."""
    model = scene.model
    left, right = st.columns([2, 3], gap="large")
    with left:
        x = picture(scene) if scene.image else enter_point(scene)
    if x is None:
        return
    with right:
        found = encode_picture(scene, model, x)
    if found is None:
        return
    z, back = found
    with right:
        if st.button(
            "Use this z in the other tools",
            icon=":material/send:",
            key="explore.picture.send",
            help="“Sliders for z” starts from this code. The URL keeps it.",
        ):
            write_point = [round(float(v), 3) for v in z]
            st.session_state["explore.z"] = ("given", tuple(write_point))
            TOOL_STATE.remember(z=" ".join(map(str, write_point)))
            st.toast("The other tools start at this z now.", icon=":material/check:")
        place_button(scene, x, "your image" if scene.image else "your example")
    neighbours_part(scene, model, x, back)


def enter_point(scene: Scene) -> Tensor | None:
    """Draw number fields for a point of the data space."""
    if scene.data.meta.dim > 8:
        empty("These examples have too many values to type.", "Choose another part of this tool.")
        return None
    meta = scene.data.meta
    first = meta.original(held_out(scene.data).x[0]).flatten()
    columns = st.columns(min(4, len(first)))
    write_point = [
        columns[k % len(columns)].number_input(
            escape_markdown(meta.axes[k]) if meta.axes else f"x[{k}]",
            value=round(float(v), 2),
            step=0.1,
            key=f"explore.picture.x{k}",
        )
        for k, v in enumerate(first)
    ]
    return meta.standardised(torch.tensor(write_point, dtype=torch.float32)).view(meta.shape)


def picture(scene: Scene) -> Tensor | None:
    """The image as the model receives it; None if there is none yet."""
    source = choose_one("source", SOURCES, "upload")
    data, meta = scene.data, scene.data.meta
    if source in ("held", "made"):
        number = int(
            st.number_input("Number", 0, 10_000, 0, key=f"explore.picture.{source}.number")
        )
        if source == "held":
            split = held_out(data)
            x = split.x[number % len(split)].float()
        else:
            z = latent.prior_sample(scene.model, 1, scene.query.seed + 7919 * (number + 1))
            x = latent.decode_mean(scene.model, z)[0]
        pictures.image(x[None].numpy(), height=140, caption="as the model sees it")
        return x
    manner = drawing_style(scene, scene.query.run)
    try:
        sent = sent_picture(source, meta, manner)
        if sent is None:
            return None
        seen = prepare_picture(sent, meta, manner)
    except DataError as error:
        st.error(plain_sentence(error), icon=":material/block:")
        return None
    with st.container(horizontal=True):
        shown = np.rint(255 * sent.pixels).astype(np.uint8)
        words = f"as uploaded, {sent.size[0]:,} × {sent.size[1]:,}"
        st.image(shown, width=140, caption=words, alt=words)
        pictures.image(seen.x[None].numpy(), height=140, caption="as the model sees it")
    st.caption(escape_markdown(" ".join(seen.notes)))
    return seen.x


def sent_picture(
    source: str, meta: DataMeta, manner: image_fitting.BackgroundStyle
) -> image_uploads.UploadedImage | None:
    """The uploaded or drawn image, read with safe limits; None if there is none yet."""
    if source == "draw":
        drawing = canvas(meta, manner.ground, key="explore.picture.canvas")
        return None if drawing is None else image_uploads.read_drawing(drawing)
    file = st.file_uploader(
        "A picture (PNG or JPEG)",
        type=["png", "jpg", "jpeg"],
        max_upload_size=image_uploads.BYTES // 2**20,
        key="explore.picture.file",
        help="The file stays in memory while this page is open and is not stored. "
        "The pixels that the model receives are stored with the result.",
    )
    return None if file is None else image_uploads.read(file.getvalue())


def prepare_picture(
    sent: image_uploads.UploadedImage, meta: DataMeta, manner: image_fitting.BackgroundStyle
) -> image_fitting.FittedImage:
    """The image at the model's size, with the choices of preprocessing."""
    how = {"auto": None, "no": False, "yes": True}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        invert = st.selectbox(
            "Invert light and dark",
            list(how),
            format_func={
                "auto": "if the background differs",
                "no": "no",
                "yes": "yes",
            }.__getitem__,
            key="explore.picture.invert",
            width=210,
        )
        centre = manner.ink and st.checkbox(
            "Cut out and centre the strokes", True, key="explore.picture.centre"
        )
    return image_fitting.fit_to_model(sent, meta, manner, invert=how[invert], centre=centre)


def encode_picture(scene: Scene, model: Any, x: Tensor) -> tuple[Tensor, Tensor] | None:
    """The code of the example by the chosen method, and its decoded mean."""
    ways = {}
    if isinstance(model, HasEncoder):
        ways["encode"] = "Encode"
    if not isinstance(model, HasCodebook):
        ways["invert"] = "Invert (optimise z)"
    way = choose_one("how", ways, next(iter(ways)))
    range_ = peak(scene.data)
    if way == "encode":
        with torch.no_grad():
            z = model.encode(x[None]).mean[0]
        back = latent.decode_mean(model, z[None])[0]
        show_pair(scene, x, back, float(psnr(x[None], back[None], range_)[0]), range_)
        st.caption(
            "Reconstructed from the mean of q(z given x)"
            + (
                ", by the encoder learned afterwards."
                if isinstance(model, learned.Encoded)
                else "."
            )
        )
        return z, back
    values = {
        "run": scene.query.run,
        "step": scene.query.step,
        "seed": scene.query.seed,
        "label": scene.query.label,
        "x": [round(float(v), 4) for v in x.flatten()],
    }

    def show_partial(shown: Mapping[str, Any], message: str) -> None:  # noqa: ARG001
        if scene.image:
            page = np.stack([x.numpy(), shown["made"]])
            pictures.image(page, columns=2, height=140, caption="input, best so far")

    found = wait_for_explore_result(
        "invert", values, what="The inversion", show_partial=show_partial
    )
    if found is None:
        return None
    best = int(found["best"])
    back = torch.from_numpy(found["made"][best])
    show_pair(scene, x, back, float(found["psnr"][best]), float(found["range"]))
    starts_part(scene, found)
    return torch.from_numpy(found["z"][best]), back


def show_pair(scene: Scene, x: Tensor, back: Tensor, db: float, range_: float) -> None:
    """An example and its reconstruction, side by side, with the PSNR."""
    if scene.image:
        pictures.image(
            torch.stack([x, back]).numpy(), columns=2, height=140, caption="input, reconstruction"
        )
    else:
        st.code("x    = " + write_point(x) + "\nG(z) = " + write_point(back), language=None)
    if not scene.image:
        # A point has no peak value, hence no PSNR.
        rmse = float((x - back).square().mean().sqrt())
        st.metric(
            "Root mean squared error",
            f"{rmse:.4g}",
            help="Over the coordinates of the example, in units of the standardised data; exact.",
        )
        return
    st.metric(
        "PSNR",
        f"{min(db, 120.0):.1f} dB",
        help=f"10 log₁₀(range² / mean squared error), range {range_:.3g}; exact for this example.",
    )


def write_point(x: Tensor) -> str:
    """A point as one line of text."""
    return ", ".join(f"{float(v):.3f}" for v in x.flatten())


def starts_part(scene: Scene, found: Mapping[str, Any]) -> None:
    """Draw the result of each start of the inversion."""
    order = np.argsort(-found["psnr"], kind="stable")
    unit = "PSNR (dB)" if scene.image else "root mean squared error"

    def read(db: Any) -> Any:
        # Points have no peak value: their stored PSNR is converted back to the error.
        return db if scene.image else float(found["range"]) * 10 ** (-np.asarray(db) / 20)

    def short(db: Any) -> float:
        return float(f"{float(read(db)):.3g}")

    ends = sorted(short(db) for db in (found["psnr"].min(), found["psnr"].max()))
    with st.expander(f"{len(order)} starts: {unit} {ends[0]:g} to {ends[1]:g}"):
        names: Sequence[str] = found["names"]
        st.dataframe(
            {
                "Start": [names[k] for k in order],
                f"At the start, {unit}": [short(found["first"][k]) for k in order],
                f"Found, {unit}": [short(found["psnr"][k]) for k in order],
            },
            hide_index=True,
        )
        if scene.image:
            pictures.image(found["made"][order], columns=len(order), height=48)
        lines = {names[k]: np.asarray(read(found["trace"][:, k])).tolist() for k in order[:4]}
        pictures.plot(
            lines_figure(lines, x_title=f"measurements, one every {EVERY} steps", y_title=unit),
            key="explore.picture.trace",
        )


def neighbours_part(scene: Scene, model: Any, x: Tensor, back: Tensor) -> None:
    """The nearest training examples of a picture and of its reconstruction, in each space."""
    st.subheader("The nearest training examples")
    train = scene.data.train
    for name in spaces(model):
        if name == "latent" and isinstance(model, HasCodebook):
            continue
        key = (
            scene.query.run,
            scene.query.step,
            scene.query.label,
            isinstance(model, learned.Encoded),
        )
        at, unseen = space_of(model, scene.data, name, *key)
        with (
            scope(0, "picture", "reference"),
            frozen_batchnorm(model, scene.data),
            torch.no_grad(),
        ):
            both = at.of(torch.stack([x, back]))
        distance, rows = nearest(both, at.train, min(NEAREST, len(at.train)))
        shares = [share_nearer_than_training(float(d), unseen) for d in distance[:, 0]]
        words = (
            f"In {SPACES[name]} ({at.words}): nearest at {float(distance[0, 0]):.3g} from the "
            f"input, {float(distance[1, 0]):.3g} from the reconstruction; {shares[0]:.0%} and "
            f"{shares[1]:.0%} of {len(unseen)} held-out examples lie nearer to the training set"
        )
        if scene.image:
            page = torch.cat(
                [
                    torch.cat([one[None], train.x[row].float()])
                    for one, row in zip((x, back), rows, strict=True)
                ]
            )
            pictures.image(page.numpy(), columns=1 + rows.shape[1], height=56, caption=words)
        else:
            st.caption(words)
    st.caption(
        "The first column shows the input, and below it the reconstruction. The other columns "
        "show the training examples, nearest first. If a reconstruction is nearer to a training "
        "example than almost all held-out examples, it may be a copy."
    )


def encoder_part(scene: Scene) -> None:
    """Draw an encoder for a model without one, trained with the generator frozen."""
    asked = TOOL_STATE.recall("encoder") == "1"
    if not asked:
        empty(
            "This model has no encoder, so it cannot compute the code of an image.",
            "You can train one now; the generator stays fixed. It learns from generated pairs (z, "
            "G(z)) and from real examples x, which G(E(x)) should reconstruct.",
        )
        if not st.button(
            "Learn an encoder", type="primary", icon=":material/school:", key="explore.encoder.go"
        ):
            return
        TOOL_STATE.remember(encoder="1")
    found = wait_for_explore_result("encoder", encoder_request(scene), what="The encoder")
    if found is None:
        return
    n, both = int(found["n"]), learned.load_learned_encoder(found, scene.model)
    one, two, three = st.columns(3)
    one.metric(
        "R² of the codes",
        f"{found['code_r2']:.2f}",
        help=f"1 − E(z − E(G(z)))² / Var z on fresh generated examples; Monte Carlo, n = {n:,}.",
    )
    for column, name, words in (
        (two, "generated", "generated examples"),
        (three, "real", "held-out examples"),
    ):
        column.metric(
            f"PSNR of {words}",
            f"{found[f'{name}_psnr']:.1f} dB",
            delta=f"{found[f'{name}_psnr'] - found[f'{name}_floor']:+.1f} dB relative to the "
            "nearest of 512 draws",
            help=f"Mean over n = {n:,} examples that the encoder was not trained on; Monte Carlo.",
        )
    model = learned.with_encoder(scene.model, both)
    x = held_out(scene.data).x[:12].float()
    with torch.no_grad():
        back = latent.decode_mean(model, model.encode(x).mean)
    if scene.image:
        page = torch.cat([x, back]).numpy()
        pictures.image(page, columns=12, height=56, caption="held-out, and below it G(E(x))")
    st.caption(
        "All tools use this encoder now. “Encode or invert an example” offers Encode, starts "
        "inversions from its codes, and compares codes. The points of the map have codes."
    )


def memory_part(scene: Scene) -> None:
    """Draw the test whether samples lie nearer to the training set than expected by chance."""
    names: dict[str, str] = {name: SPACES[name] for name in spaces(type(scene.model))}
    if isinstance(scene.model, HasCodebook):
        names.pop("latent", None)
    where = choose_one("memory", names, "pixel")
    values = {
        "run": scene.query.run,
        "step": scene.query.step,
        "seed": scene.query.seed,
        "space": where,
        "n": SAMPLES,
    }
    found = wait_for_explore_result("memorised", values, what="The training-set comparison")
    if found is None:
        return
    one, two, three = st.columns(3)
    one.metric(
        "Nearer to the training set",
        f"{found['share']:.1%}",
        help=f"The share of {found['n']} generated examples for which the nearest of "
        f"{found['m']} training and {found['m']} held-out examples is a training example. "
        "Monte Carlo.",
    )
    two.metric(
        "Without memorisation",
        f"{found['low']:.1%} to {found['high']:.1%}",
        help="The central 95 % under the null hypothesis that the model does not distinguish "
        "training from held-out examples, by 2,000 permutations of their labels; its "
        "centre is 50 %.",
    )
    three.metric(
        "p-value",
        f"{found['p']:.3f}",
        help="The share of random splits that give at least this value; one-sided permutation "
        "test.",
    )
    verdict = (
        "More samples lie near training examples than expected by chance: the model copies "
        "parts of its training set."
        if found["p"] < 0.05 and found["share"] > found["high"]
        else "There is no evidence that the model copies its training examples."
    )
    st.markdown(
        f"{verdict} {found['copies']} of {found['n']} samples lie nearer to a training example "
        "than 99 % of held-out examples do."
    )
    if scene.image:
        rows = torch.from_numpy(found["rows"])
        page = torch.cat([torch.from_numpy(found["closest"]), scene.data.train.x[rows].float()])
        pictures.image(
            page.numpy(),
            columns=len(rows),
            height=64,
            caption="the samples with the smallest ratio of the distances to the nearest training "
            "and held-out example; below them their nearest training examples, in "
            f"{SPACES[where]} ({found['words']})",
        )
