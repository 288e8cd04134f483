"""Plain pages: a few lines of HTML without a script, which a phone shows at once."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from genlab.core.escape import escape_html
from genlab.panels.colours import COLOURS

#: The longest body of a form.
LONGEST = 4096
STYLE = (
    f":root {{ --main: {COLOURS[0]}; }}"
    + """
:root { color-scheme: light dark; --back: #fff; --text: #1a1a1a; --edge: #8a8f98; --on: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --back: #0f1419; --text: #e8eaed; --edge: #7a828c; --main: #2478b3; } }
body { margin: 0; background: var(--back); color: var(--text);
  font: 18px/1.5 system-ui, sans-serif; }
main { max-width: 30rem; margin: 0 auto; padding: 2rem 1rem; }
h1 { font-size: 1.6rem; margin: 0 0 1rem; }
label { display: block; font-weight: 600; margin: 1rem 0 .25rem; }
input { box-sizing: border-box; width: 100%; min-height: 48px; padding: 0 .75rem; font: inherit;
  color: inherit; background: var(--back); border: 1px solid var(--edge); border-radius: .5rem; }
input.code { letter-spacing: .3em; text-transform: uppercase; font-size: 1.6rem; }
button, a.button { display: inline-block; box-sizing: border-box; min-height: 48px;
  margin: 1rem .5rem 0 0; padding: .55rem 1.25rem; font: inherit; font-weight: 600;
  color: var(--on); background: var(--main); border: 0; border-radius: .5rem;
  text-decoration: none; cursor: pointer; }
a { color: inherit; }
[role=alert] { padding: .75rem 1rem; border: 2px solid currentColor; border-radius: .5rem; }
:focus-visible { outline: 3px solid var(--main); outline-offset: 2px; }
"""
)


def plain_page(title: str, body: str, status: int = 200) -> HTMLResponse:
    """A whole page.

    Args:
        title: its heading, as text.
        body: HTML; texts in it are escaped by the caller.
        status: of the answer.
    """
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape_html(title)} · GenLab</title><style>{STYLE}</style></head>"
        f"<body><main><h1>{escape_html(title)}</h1>{body}</main></body></html>"
    )
    return HTMLResponse(text, status_code=status, headers={"Cache-Control": "no-store"})


def alert(sentence: str) -> str:
    """A sentence that a screen reader reads at once."""
    return f'<p role="alert">{escape_html(sentence)}</p>' if sentence else ""


def see(path: str) -> Response:
    """Send the browser to another page of this server."""
    return RedirectResponse(path, status_code=303, headers={"Cache-Control": "no-store"})


async def form_of(request: Request) -> dict[str, str] | None:
    """The fields of a form; None where the body is none, or too long."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != "application/x-www-form-urlencoded":
        return None
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST:
            return None
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=20))
    except (UnicodeDecodeError, ValueError):
        return None


def no_form() -> Response:
    """The answer to a body that is no form."""
    text = "This address takes a short form (application/x-www-form-urlencoded)."
    return PlainTextResponse(text, status_code=415)


def address_of(request: Request) -> str:
    """The address that a request came from."""
    return request.client.host if request.client else ""
