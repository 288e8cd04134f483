"""Every page with real content: what the screenshots and the accessibility tests visit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

#: The address of each page; the braces name runs that are trained before.
ADDRESSES: Mapping[str, str] = {
    "start": "",
    "train": "train?data=ring&model=gan",
    "train-images": "train?data=mnist5k&model=vae",
    "watch": "watch?run={vae}",
    "watch-groups": "watch?run={vae}&open=learning,quality,latent,critic",
    "game": "watch?run={gan}",
    "game-groups": "watch?run={gan}&open=learning,quality,latent,critic",
    "present": "watch?run={gan}&present=1",
    "compare": "compare?runs={vae},{digits}",
    "explore": "explore?run={vae}&n=500",
    "explore-linked": "explore?run={vae}&n=200&tool=linked",
    "learn": "learn",
    "learn-elbo": "learn?lesson=elbo",
    "learn-game": "learn?lesson=gan_game",
    "data": "data?data=mnist5k",
    "data-own": "data?data=own",
    "studies": "studies?study={study}",
    "studies-new": "studies?model=vae&data=digits",
    "class": "room",
    "class-open": "room",
    "class-question": "learn?lesson=kl_js",
}
#: A table for the page Data, with columns of several types.
TABLE = "height,weight,species\n" + "".join(
    f"{150 + 7 * (k % 9)},{50 + 5 * (k % 7)}.5,{('adelie', 'gentoo', 'chinstrap')[k % 3]}\n"
    for k in range(60)
)
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
SKELETON = "() => !document.querySelector('[data-testid=stSkeleton]')"
#: Images and canvases that are still empty, of those that can be seen.
EMPTY = """() => [...document.querySelectorAll('img')].every(
    image => !image.getClientRects().length || image.complete)"""


def settled(page: Any, rest: float = 1.5) -> None:
    """Wait until a page is drawn and nothing runs.

    Args:
        page: of Playwright.
        rest: seconds that its own scripts get for their pictures.
    """
    page.wait_for_selector("h1, .gl-present", timeout=120_000, state="attached")
    page.wait_for_selector(IDLE, timeout=180_000, state="attached")
    page.wait_for_function(SKELETON)
    page.wait_for_function(EMPTY)
    page.wait_for_timeout(rest * 1000)


def choose(page: Any, label: str, option: str) -> None:
    """Choose an option of a list by typing its name and clicking it.

    A list that is redrawn while the page still runs forgets what was typed.

    Args:
        page: of Playwright.
        label: of the list.
        option: the beginning of its name.
    """
    box = page.get_by_role("combobox", name=label, exact=True)
    box.wait_for(timeout=60_000)
    page.wait_for_selector(IDLE, timeout=60_000, state="attached")
    box.fill(option)
    page.get_by_role("option", name=option).first.click()


def _wait_for_jobs(page: Any) -> None:
    full = """() => [...document.querySelectorAll('[role=progressbar]')].every(
        bar => Number(bar.getAttribute('aria-valuenow')) >= 100)"""
    page.wait_for_function(full, timeout=400_000)


def _bring_table(page: Any) -> None:
    field = page.locator("[data-testid=stFileUploaderDropzoneInput]")
    sent = {"name": "penguins.csv", "mimeType": "text/csv", "buffer": TABLE.encode()}
    field.set_input_files(sent)
    page.get_by_role("textbox", name="Name", exact=True).wait_for()


def _open_room(page: Any) -> None:
    button = page.get_by_role("button", name="Open a room")
    if button.count():
        button.click()
    page.get_by_role("button", name="End the room").wait_for()


def _ask_room(page: Any) -> None:
    lesson = page.url
    page.goto(lesson.partition("/learn")[0] + "/room")
    settled(page)
    _open_room(page)
    page.goto(lesson)
    page.get_by_role("button", name="Ask the room").first.click()
    page.get_by_role("button", name="Reveal the answer").click()
    page.get_by_role("button", name="Remove the question").wait_for()


#: What is done on a page before it shows what it is for.
STEPS: Mapping[str, Callable[[Any], None]] = {
    "studies": _wait_for_jobs,
    "compare": _wait_for_jobs,
    "explore": _wait_for_jobs,
    "explore-linked": _wait_for_jobs,
    "data-own": _bring_table,
    "class-open": _open_room,
    "class-question": _ask_room,
}


def show_page(page: Any, url: str, name: str, ids: Mapping[str, str]) -> None:
    """Open a page and bring it to where it shows its content.

    Args:
        page: of Playwright.
        url: of the app, without a slash at its end.
        name: of :data:`ADDRESSES`.
        ids: of the runs and the study that the addresses name.
    """
    page.goto(f"{url}/{ADDRESSES[name].format(**ids)}")
    settled(page)
    if name in STEPS:
        STEPS[name](page)
        settled(page)


#: What can be seen to be wrong: wider than the screen, an image without content, a button whose
#: words are cut, and on a phone a target that is lower than 44 px. Help marks and the tools of a
#: table are Streamlit's own.
FAULTS = """() => {
  const main = document.querySelector('[data-testid=stMain]'), found = [];
  const over = main.scrollWidth - window.innerWidth;
  if (over > 1) found.push(`${over} px too wide`);
  const seen = (node) => {
    const box = node.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && getComputedStyle(node).visibility === 'visible';
  };
  for (const image of main.querySelectorAll('img')) {
    if (seen(image) && !image.naturalWidth) found.push(`image without content: ${image.alt}`);
  }
  for (const part of main.querySelectorAll('button, button *')) {
    const hidden = getComputedStyle(part).overflowX !== 'visible';
    if (seen(part) && hidden && part.scrollWidth > part.clientWidth + 1) {
      found.push(`cut: ${part.textContent}`);
    }
  }
  if (window.innerWidth > 640) return found;
  const own = '[data-testid=stTooltipIcon], [data-testid=stElementToolbar], .js-plotly-plot, ' +
    '[data-testid=stMultiSelect], [data-testid=stNumberInput], [data-testid=stFileUploader]';
  for (const node of main.querySelectorAll('button, summary, [role=button], a[href]')) {
    if (!seen(node) || node.closest(own) && !node.matches('[data-testid^=stBaseButton]')) continue;
    const { height } = node.getBoundingClientRect();
    const inside = node.matches('a') && getComputedStyle(node).display === 'inline';
    if (!inside && height < 43.5) {
      found.push(`target of ${Math.round(height)} px: ${node.textContent || node.ariaLabel}`);
    }
  }
  return found;
}"""


def faults(page: Any) -> list[str]:
    """What can be seen to be wrong with a page, in words."""
    return [str(one) for one in page.evaluate(FAULTS)]
