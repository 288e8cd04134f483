"""The room of a visitor: a bar on every page that follows the teacher, or lets others follow."""

from __future__ import annotations

import time
from collections.abc import Collection
from urllib.parse import parse_qsl

import streamlit as st

from genlab import runs
from genlab.runs.access import acting
from genlab.runs.items import OFFER_AGE
from genlab.runs.rooms import Room, end_room, find_room, led_by, open_room
from genlab.serving.rooms import qr_svg
from genlab.serving.visitors import is_private
from genlab.ui import links
from genlab.ui.challenges import challenges
from genlab.ui.component import component
from genlab.ui.live.share import address
from genlab.ui.own_questions import own_questions
from genlab.ui.polls import panel
from genlab.ui.presenting import presenting

#: Names in the session that outlive a page that is followed.
KEPT = ("room.", "jobs.")


def led_room() -> Room | None:
    """The room that the visitor leads."""
    return led_by(runs.store(), acting().id)


def bar(page: str, pages: Collection[str]) -> None:
    """Draw the bar of who is in a room; who follows goes where the teacher goes.

    Args:
        page: the path of the page that is shown.
        pages: the names of all pages.
    """
    me = acting()
    room = led_by(runs.store(), me.id)
    leads = room is not None
    if room is None and me.room:
        room = find_room(runs.store(), me.room)
    if room is None:
        return
    mounted = component("room/room", "The room")(
        key="room.bar",
        data={"code": room.code, "leads": leads, "page": page, "hidden": presenting()},
        on_go_change=lambda: None,
    )
    go = mounted.go
    if go:
        _go(str(go.get("path", "")), str(go.get("query", "")), pages)
    panel(room.code, leads)


def _go(path: str, query: str, known: Collection[str]) -> None:
    """Open the page of the teacher as its address has it."""
    name = path.strip("/") or "start"
    if name not in known:
        return
    # What this session chose on the page before would win over the address.
    for key in [str(key) for key in st.session_state]:
        if not key.startswith(KEPT):
            del st.session_state[key]
    st.switch_page(links.page(name), query_params=parse_qsl(query))


def page() -> None:
    """The page Class: open a room, show its code, see who is there, end it."""
    room = led_room()
    if room is None:
        _closed()
    else:
        _open(room)
    challenges()
    _move()


def _move() -> None:
    """The claim link of everything that this browser owns."""
    if not acting().id:
        return
    with st.expander("Use your runs in another browser", icon=":material/key:"):
        st.markdown(
            "What you made belongs to this browser at this address. Another browser, or this one "
            "at another address of the same server (`localhost` and its name in the network are "
            "two), takes all of it over by a claim link."
        )
        if not st.button("Make a claim link for everything", key="room.offer"):
            return
        path = f"/claim/{runs.offer('all')}"
        st.code(address(path), language=None, wrap_lines=True)
        st.caption(
            f"It works once, within {OFFER_AGE / 60:.0f} minutes. At another address of this "
            f"server only the first part differs; `{path}` stays."
        )


def _closed() -> None:
    me = acting()
    if me.room and find_room(runs.store(), me.room) is not None:
        st.info(f"You are in room **{me.room}**. The bar below brings you back to the teacher.")
    st.markdown(
        "**As a teacher** open a room: students join it by a code on their phones or laptops, "
        "follow your page, your slider and what you draw over the pictures, or look around "
        "freely and come back with one press. A room ends by itself after a day."
    )
    if st.button("Open a room", type="primary", icon=":material/groups:", key="room.open"):
        open_room(runs.store())
        st.rerun()
    st.markdown("**As a student** type the code that the teacher shows.")
    st.link_button("Join a room", address("/join"), icon=":material/login:")


def _open(room: Room) -> None:
    join = address(f"/join/{room.code}")
    left, right = st.columns([2, 3], gap="large", vertical_alignment="center")
    with left:
        # The image is made here, of an address of this server.
        st.image(qr_svg(join), width=352, alt=f"QR code of {join}")
        st.caption("Scan it to join.")
    with right:
        st.markdown(f"Open **{address('/join')}** and type")
        st.html(
            '<p style="font-size:4.5rem;line-height:1.1;font-weight:700;letter-spacing:.15em;'
            f'margin:0">{room.code}</p>'
        )
        hours = max(0.0, room.ends - time.time()) / 3600
        st.caption(f"The room ends by itself in {hours:.0f} hours.")
    host = address("").partition("://")[2].rpartition(":")[0].strip("[]")
    if host in {"localhost", "127.0.0.1", "::1"}:
        st.warning(
            "Other devices do not reach this address: it is this computer's own. Start GenLab "
            "with `genlab serve --address 0.0.0.0` and `GENLAB_HOSTS=` the name or address of "
            "this computer in your network, then open it by that name.",
            icon=":material/lan:",
        )
    if is_private():
        st.caption("This server is private: students need its secret before the code.")
    st.markdown(
        "Now go to any page: those who follow go with you. The bar below says how many are there."
    )
    own_questions()
    if st.button("End the room", icon=":material/logout:", key="room.end"):
        end_room(runs.store(), room.code)
        st.rerun()
