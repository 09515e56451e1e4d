"""Take the pictures of the studio that the README and docs/studio.md show.

    python docs/take_pictures.py [MINUTES]

Othello is learned for half a minute (or so many) on the studio's own page, in Debian's Chromium.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

DOCS = Path(__file__).parent
PICTURES = DOCS / "pictures"
WORK = DOCS.parent / "build" / "studio-pictures"
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
SIZE = {"width": 1120, "height": 760}
SEED = 4


def take(page: Page, url: str, minutes: float) -> None:
    """Go through the page as a person does, and take a picture of each view."""
    page.goto(url)
    page.get_by_role("button", name="Othello", exact=True).click()
    page.get_by_label("Minutes", exact=True).fill(str(minutes))
    page.get_by_role("button", name="Start learning").click()
    finished = page.locator("main").get_by_text("Finished", exact=True)
    expect(finished).to_be_visible(timeout=60_000 * (minutes + 3))
    page.screenshot(path=PICTURES / "studio-learn.png")

    page.get_by_role("link", name="Write with it").click()
    page.get_by_label("Begin with").fill("OTHELLO\n")
    more = page.get_by_text("More settings")
    more.click()
    page.get_by_label("Seed").fill(str(SEED))
    more.click()
    page.get_by_role("button", name="Write", exact=True).click()
    expect(page.get_by_role("button", name="Go on from here")).to_be_visible()
    page.locator(".shaded-box .shaded > span").nth(60).hover()
    page.screenshot(path=PICTURES / "studio.png")

    page.get_by_role("link", name="Look inside").click()
    page.get_by_role("button", name="Look inside").click()
    choice = page.get_by_role("button", name="place in the line")
    choice.click()
    expect(choice).to_have_attribute("aria-pressed", "true")
    page.locator(".columns").scroll_into_view_if_needed()
    page.evaluate("scrollTo(0, document.querySelector('.columns').offsetTop - 20)")
    page.screenshot(path=PICTURES / "studio-inside.png")


def main() -> None:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 0.5
    shutil.rmtree(WORK, ignore_errors=True)
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    command = [sys.executable, "-m", "charloom", "studio", str(WORK), "--port", str(port)]
    studio = subprocess.Popen([*command, "--no-browser"], stdout=subprocess.PIPE, text=True)
    try:
        assert studio.stdout is not None
        print(studio.stdout.readline(), end="")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM)
            page = browser.new_page(viewport=SIZE)
            take(page, f"http://127.0.0.1:{port}", minutes)
            browser.close()
    finally:
        studio.send_signal(signal.SIGTERM)
        studio.wait()


if __name__ == "__main__":
    main()
