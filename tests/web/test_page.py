"""The page in a real Chromium, against a real server and the starter model."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, WebSocketRoute, expect, sync_playwright

pytestmark = pytest.mark.browser

BUNDLE = Path(__file__).parents[2] / "web" / "dist" / "index.html"
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DRAWN = 180_000
"""Milliseconds until a picture is there at the latest: the first one waits for the model to load."""
ANSWERED = 20_000
"""Milliseconds until anything else is on the page at the latest, however busy the machine."""
DRAW = '(let draw (get-capability "diffusers.generate"))\n'

RECORDER = """
window.seen = { steps: new Set(), previews: new Set() };
addEventListener("DOMContentLoaded", () => new MutationObserver(() => {
  const step = document.querySelector(".stage-step")?.textContent;
  if (step?.startsWith("Step")) window.seen.steps.add(step);
  const preview = document.querySelector("img.preview")?.src;
  if (preview) window.seen.previews.add(preview);
}).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true }));
"""
"""Notes what passes by on the stage, for nobody can look at every moment."""

PIXELS = """
async (image) => {
  await image.decode();
  const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const at = (x, y) => [...context.getImageData(x * canvas.width, y * canvas.height, 1, 1).data.slice(0, 3)];
  return { size: [canvas.width, canvas.height], middle: at(0.5, 0.5), corner: at(0.03, 0.03) };
}
"""


@dataclass
class Tab:
    """A page of one test, and what it did that no page should do."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    @property
    def run(self) -> Locator:
        return self.page.get_by_role("button", name=re.compile("^Run"))

    @property
    def cancel(self) -> Locator:
        return self.page.get_by_role("button", name="Cancel")

    @property
    def editor(self) -> Locator:
        return self.page.get_by_role("textbox", name="Script editor")

    @property
    def stage(self) -> Locator:
        return self.page.get_by_role("region", name="Result")

    def enter(self, link: str) -> None:
        """Open a link and wait until the page is connected."""
        self.page.goto(link)
        expect(self.page.get_by_text("Connected", exact=True)).to_be_attached()

    def write(self, script: str) -> None:
        """Put a script into the editor, as a person who pastes it does."""
        self.editor.click()
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.insert_text(script)

    def picture(self) -> dict[str, Any]:
        """Size and two pixels of the one picture on the stage, once it is there."""
        image = self.stage.locator("img.picture")
        expect(image).to_be_visible(timeout=DRAWN)
        pixels: dict[str, Any] = image.evaluate(PIXELS)
        return pixels


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert BUNDLE.is_file(), "The page is not built. Run `make web` (or: web/npm.sh ci && web/npm.sh run build)."
    expect.set_options(timeout=ANSWERED)
    found = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def open_tab(browser: Browser, server: Any) -> Iterator[Callable[..., Tab]]:
    """Opens tabs; at the end none of them may have complained or spoken to anybody but the server."""
    tabs: list[Tab] = []
    origins = (server.http + "/", server.url + "/", "data:", "blob:")

    def open_tab(width: int = 1280, height: int = 860) -> Tab:
        context = browser.new_context(viewport={"width": width, "height": height})
        context.add_init_script(RECORDER)
        tab = Tab(context.new_page())
        tab.page.on("console", lambda said: tab.complaints.append(said.text) if said.type == "error" else None)
        tab.page.on("pageerror", lambda error: tab.complaints.append(str(error)))
        for kind in ("request", "websocket"):
            tab.page.on(kind, lambda to: None if to.url.startswith(origins) else tab.complaints.append(to.url))
        tabs.append(tab)
        return tab

    yield open_tab
    for tab in tabs:
        tab.page.context.close()
    assert [complaint for tab in tabs for complaint in tab.complaints] == []


def test_the_open_link_and_one_press_make_the_picture_the_script_asks_for(
    open_tab: Callable[..., Tab], server: Any
) -> None:
    tab = open_tab()
    tab.enter(server.open)
    tab.run.click()
    drawn = tab.picture()
    width, height = drawn["size"]
    expect(tab.stage.get_by_text(f"{width} × {height}", exact=True)).to_be_visible()
    expect(tab.stage.locator("dd").nth(1)).to_have_text("7")
    red, green, blue = drawn["middle"]
    assert red > max(green, blue) + 60, "a red circle"
    assert min(drawn["corner"]) > 180, "on a white background"


def test_steps_and_previews_pass_by_while_a_picture_is_made(open_tab: Callable[..., Tab], server: Any) -> None:
    tab = open_tab()
    tab.enter(server.open)
    tab.run.click()
    tab.picture()
    assert tab.page.evaluate("seen.steps.size") > 3
    assert tab.page.evaluate("seen.previews.size") > 1
    assert tab.page.evaluate("[...seen.previews].every((url) => url.startsWith('data:image/'))")


def test_the_token_leaves_the_address_and_survives_a_reload(open_tab: Callable[..., Tab], server: Any) -> None:
    tab = open_tab()
    tab.enter(server.open)
    assert tab.page.url == f"{server.http}/"
    tab.page.reload()
    expect(tab.page.get_by_text("Connected", exact=True)).to_be_attached()


def test_a_share_link_opens_once_for_a_guest_who_stays_the_same(open_tab: Callable[..., Tab], server: Any) -> None:
    narrowed = ("--max-size", "64", "--times", "1", "--label", "for a guest")
    shared = subprocess.run(
        [sys.executable, "-m", "mintaka", "caps", "share", "diffusers.generate", *narrowed, "--data", server.data],
        capture_output=True,
        text=True,
        check=True,
    )
    link = shared.stdout.strip()
    tab = open_tab()
    tab.enter(link)
    tab.run.click()
    assert tab.picture()["size"] == [64, 64]
    tab.page.reload()
    expect(tab.page.get_by_text("Connected", exact=True)).to_be_attached()
    other = open_tab()
    other.page.goto(link)
    expect(other.page.get_by_label("Open link or token")).to_be_visible()


def test_without_the_right_token_the_page_asks_for_it(open_tab: Callable[..., Tab], server: Any) -> None:
    tab = open_tab()
    tab.page.goto(f"{server.http}/#token=wrong")
    expect(tab.page.get_by_text("did not accept that token")).to_be_visible()
    expect(tab.page.get_by_role("main")).to_have_js_property("inert", True)
    tab.page.get_by_label("Open link or token").fill(server.open)
    tab.page.keyboard.press("Enter")
    expect(tab.page.get_by_text("Connected", exact=True)).to_be_attached()
    expect(tab.page.get_by_role("main")).to_have_js_property("inert", False)


def test_a_run_can_be_cancelled_and_another_started(open_tab: Callable[..., Tab], server: Any) -> None:
    tab = open_tab()
    tab.enter(server.open)
    tab.write(f'{DRAW}(draw.textToImage "a red circle" {{:numInferenceSteps 1000}})')
    tab.run.click()
    expect(tab.stage.get_by_text(re.compile("^Step "))).to_be_visible(timeout=DRAWN)
    tab.cancel.click()
    expect(tab.stage.get_by_text("Cancelled.")).to_be_visible()
    tab.write("(+ 1 2)")
    tab.run.click()
    expect(tab.stage.locator("pre")).to_have_text("3")


def test_a_mistake_is_underlined_before_and_marked_after_running(open_tab: Callable[..., Tab], server: Any) -> None:
    tab = open_tab()
    tab.enter(server.open)
    tab.page.get_by_role("button", name="A mistake").click()
    expect(tab.page.locator(".cm-lintRange-error")).to_have_text("totl")
    tab.run.click()
    fault = tab.page.get_by_role("alert").filter(has_text="totl")
    expect(fault).to_contain_text("total")
    expect(fault).to_contain_text("Line 3")
    expect(fault.locator(".fault-line b")).to_have_text(re.compile(r"^ +\^\^\^\^$"))
    expect(tab.page.locator(".cm-fault-line")).to_contain_text("totl")


def test_an_error_of_the_run_is_marked_where_it_happened(open_tab: Callable[..., Tab], server: Any) -> None:
    tab = open_tab()
    tab.enter(server.open)
    tab.write(f'{DRAW}(draw.textToImage "a cat" {{:widht 256}})')
    tab.run.click()
    expect(tab.page.get_by_role("alert").filter(has_text="widht")).to_contain_text("width")
    expect(tab.page.locator(".cm-fault-line")).to_contain_text("widht")
    tab.editor.press("End")
    tab.page.keyboard.type(" ")
    expect(tab.page.locator(".cm-fault-line")).to_have_count(0)


def test_log_lines_and_a_value_are_shown(open_tab: Callable[..., Tab], server: Any) -> None:
    tab = open_tab()
    tab.enter(server.open)
    tab.write('(log "one")\n(log "two")\n[1 2 3]')
    tab.run.click()
    expect(tab.page.get_by_label("Log", exact=True)).to_have_text("one\ntwo")
    expect(tab.stage.locator("pre")).to_have_text("[1, 2, 3]")


def test_several_pictures_stand_side_by_side_and_stay_in_the_strip(open_tab: Callable[..., Tab], server: Any) -> None:
    tab = open_tab()
    tab.enter(server.open)
    tab.write(
        f"{DRAW}(par.map [1 2 3] (lambda [seed]"
        ' (draw.textToImage "a yellow star at night" {:seed seed :numInferenceSteps 3})))'
    )
    tab.run.click()
    expect(tab.stage.locator(".tile img.picture")).to_have_count(3, timeout=DRAWN)
    tab.stage.get_by_role("button", name="seed 2").click()
    expect(tab.stage.locator("dd").nth(1)).to_have_text("2")
    strip = tab.page.get_by_role("region", name="Pictures of this page").get_by_role("button")
    expect(strip).to_have_count(3)
    strip.filter(has=tab.page.locator("img")).nth(0).click()
    expect(tab.stage.locator("img.picture")).to_have_count(1)
    with tab.page.expect_download() as download:
        tab.stage.get_by_role("link", name="Download").click()
    assert re.fullmatch(r"mintaka-[123]-[0-9a-f]{8}\.png", download.value.suggested_filename)


def test_every_example_but_the_mistake_is_free_of_mistakes(open_tab: Callable[..., Tab], server: Any) -> None:
    tab = open_tab()
    with tab.page.expect_websocket() as opening:
        tab.enter(server.open)
    examples = tab.page.get_by_role("navigation", name="Examples").get_by_role("button")
    found = {}
    for example in examples.all():
        with opening.value.expect_event("framereceived", lambda frame: '"diagnostics"' in frame) as answer:
            example.click()
        found[example.inner_text()] = '"diagnostics":[]' in str(answer.value)
    assert len(found) >= 6
    assert [title for title, clean in found.items() if not clean] == ["A mistake"]


def test_the_guide_tells_what_the_model_draws_and_a_prompt_becomes_a_script(
    open_tab: Callable[..., Tab], server: Any
) -> None:
    tab = open_tab()
    tab.enter(server.open)
    tab.page.get_by_role("button", name="What can it draw?").click()
    guide = tab.page.get_by_role("dialog", name="What can the model draw?")
    expect(guide.get_by_text("circle", exact=True)).to_be_visible()
    prompt = guide.get_by_role("list").first.get_by_role("button").first
    words = prompt.inner_text()
    prompt.click()
    expect(guide).to_be_hidden()
    expect(tab.editor).to_contain_text(f'"{words}"')


def test_completion_offers_what_the_server_told(open_tab: Callable[..., Tab], server: Any) -> None:
    tab = open_tab()
    tab.enter(server.open)
    tab.write(DRAW)
    tab.page.keyboard.type('(draw.textToImage "a cat" {:guid')
    expect(tab.page.get_by_role("option", name=":guidanceScale")).to_be_visible()


def test_a_phone_needs_no_sideways_scrolling(open_tab: Callable[..., Tab], server: Any) -> None:
    tab = open_tab(width=380, height=760)
    tab.enter(server.open)
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert tab.page.evaluate(overflow) == 0
    tab.run.click()
    tab.picture()
    assert tab.page.evaluate(overflow) == 0
    tab.page.get_by_role("button", name="What can it draw?").click()
    expect(tab.page.get_by_role("dialog").get_by_role("heading", level=3).first).to_be_visible()
    assert tab.page.evaluate(overflow) == 0


def test_everything_can_be_done_from_the_keyboard(open_tab: Callable[..., Tab], server: Any) -> None:
    tab = open_tab()
    tab.enter(server.open)
    keys = tab.page.keyboard

    def tab_to(target: Locator) -> None:
        for _ in range(30):
            keys.press("Tab")
            if target.evaluate("(element) => element.getRootNode().activeElement === element"):
                return
        raise AssertionError("the Tab key does not lead there")

    tab_to(tab.page.get_by_role("button", name="Squares"))
    keys.press("Enter")
    expect(tab.editor).to_be_focused()
    keys.press("ControlOrMeta+Enter")
    expect(tab.stage.locator("pre")).to_have_text("[1, 4, 9, 16, 25]")
    keys.press("ControlOrMeta+a")
    keys.insert_text('(log "by hand")')
    tab_to(tab.run)
    keys.press("Space")
    expect(tab.page.get_by_label("Log", exact=True)).to_have_text("by hand")
    expect(tab.run).to_be_focused()


def test_a_connection_that_breaks_during_a_run_comes_back_and_the_picture_with_it(
    open_tab: Callable[..., Tab], server: Any
) -> None:
    tab = open_tab()
    routes: list[WebSocketRoute] = []

    def relay(route: WebSocketRoute) -> None:
        routes.append(route)
        route.connect_to_server()

    tab.page.route_web_socket("**/rpc", relay)
    tab.enter(server.open)
    tab.run.click()
    expect(tab.stage.get_by_text(re.compile("^Step "))).to_be_visible(timeout=DRAWN)
    routes[0].close()
    expect(tab.page.get_by_text("Connection lost")).to_be_visible()
    assert tab.picture()["size"]
    assert len(routes) == 2
