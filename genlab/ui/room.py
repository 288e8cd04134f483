"""The room of a visitor: a bar on every page with which students follow the teacher."""

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

BAR, WANTED = "room.bar", "room.wanted"
#: Session entries that are kept when a followed page is opened.
KEPT = ("room.", "jobs.")


def led_room() -> Room | None:
    """The room that the visitor leads."""
    return led_by(runs.store(), acting().id)


def bar(page: str, pages: Collection[str]) -> None:
    """Draw the bar of a visitor in a room; followers open the page that the teacher opens.

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
    component("room/room", "The room")(
        key=BAR,
        data={"code": room.code, "leads": leads, "page": page, "hidden": presenting()},
        on_go_change=_remember,
    )
    if wanted := st.session_state.pop(WANTED, None):
        _go(str(wanted.get("path", "")), str(wanted.get("query", "")), pages)
    panel(room.code, leads)


def _remember() -> None:
    """Keep the page that the bar asks for until it is opened.

    The request itself lasts for one run of the script, which the next one may cut off.
    """
    if go := st.session_state[BAR].get("go"):
        st.session_state[WANTED] = go


def _go(path: str, query: str, known: Collection[str]) -> None:
    """Open the teacher's page at the teacher's address."""
    name = path.strip("/") or "start"
    if name not in known:
        return
    # Otherwise this session's earlier choices on the page would override the address.
    for key in [str(key) for key in st.session_state]:
        if not key.startswith(KEPT):
            del st.session_state[key]
    st.switch_page(links.page(name), query_params=parse_qsl(query))


def page() -> None:
    """Draw the page Class: open a room, show its code, see who is there, end it."""
    room = led_room()
    if room is None:
        _closed()
    else:
        _open(room)
    challenges()
    _move()


def _move() -> None:
    """Draw the claim link for everything that this browser owns."""
    if not acting().id:
        return
    with st.expander("Use your runs in another browser", icon=":material/key:"):
        st.markdown(
            "Your runs belong to this browser at this address. A claim link passes all of them to "
            "another browser, or to this browser at another address of the same server. "
            "(`localhost` and the server's name in the network are two addresses.)"
        )
        if not st.button("Make a claim link for everything", key="room.offer"):
            return
        path = f"/claim/{runs.offer('all')}"
        st.code(address(path), language=None, wrap_lines=True)
        st.caption(
            f"The link works once, within {OFFER_AGE / 60:.0f} minutes. For another address of "
            f"this server, change only the part before `{path}`."
        )


def _closed() -> None:
    me = acting()
    if me.room and find_room(runs.store(), me.room) is not None:
        st.info(f"You are in room **{me.room}**. The bar below brings you back to the teacher.")
    st.markdown(
        "**As a teacher**, open a room. Students join it with a code on their phones or laptops. "
        "They follow your page, your slider and your drawings over the pictures. They can also "
        "look around freely and return with one press. A room ends by itself after a day."
    )
    if st.button("Open a room", type="primary", icon=":material/groups:", key="room.open"):
        open_room(runs.store())
        st.rerun()
    st.markdown("**As a student**, type the code that the teacher shows.")
    st.link_button("Join a room", address("/join"), icon=":material/login:")


def _open(room: Room) -> None:
    join = address(f"/join/{room.code}")
    left, right = st.columns([2, 3], gap="large", vertical_alignment="center")
    with left:
        # The image is made here, from an address of this server.
        st.image(qr_svg(join), width=352, alt=f"QR code of {join}")
        st.caption("Scan it to join.")
    with right:
        st.markdown(f"Open **{address('/join')}** and type")
        st.html(f'<p class="room-code">{room.code}</p>')
        hours = max(0.0, room.ends - time.time()) / 3600
        st.caption(f"The room ends by itself in {hours:.0f} hours.")
    host = address("").partition("://")[2].rpartition(":")[0].strip("[]")
    if host in {"localhost", "127.0.0.1", "::1"}:
        st.warning(
            "Other devices cannot reach this address, because it is local to this computer. Set "
            "`GENLAB_HOSTS` to this computer's name or address in your network, start GenLab with "
            "`genlab serve --address 0.0.0.0`, and open it by that name.",
            icon=":material/lan:",
        )
    if is_private():
        st.caption(
            "This server is private. Students need its secret before they can type the code."
        )
    st.markdown(
        "Now go to any page. Students who follow you see the same page. The bar below shows how "
        "many are there."
    )
    own_questions()
    if st.button("End the room", icon=":material/logout:", key="room.end"):
        end_room(runs.store(), room.code)
        st.rerun()
