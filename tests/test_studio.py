"""The studio: its server over a real socket, its trainings, and its page in a real browser."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

import charloom
from charloom.model import ModelData, NetworkShape, save_model
from charloom.studio.events import EventWriter, last_event, read_events
from charloom.studio.expect import expectations, minutes_for
from charloom.studio.texts import clean_name
from charloom.text import build_vocabulary
from studio_process import Studio, command_for, events_of, free_port

PAGE = Path(charloom.__file__).parent / "studio" / "page"
BRIEF = 0.05  # minutes of the trainings here
PATIENCE = 120_000  # milliseconds that a training may take to begin and end, on a busy machine
NOT_RUNNING = "The studio is not running; start it again with: charloom studio"

expect.set_options(timeout=20_000)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """One studio for all tests that need none of their own; it begins without a folder."""
    with contextlib.closing(Studio(tmp_path_factory.mktemp("studio") / "kept")) as one:
        yield one


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages of a given size and theme; scripts must not fail in any of them."""
    troubles: list[str] = []
    with contextlib.ExitStack() as stack:

        def open_one(url: str, width: int = 1100, height: int = 800, **options: Any) -> Page:
            size = {"width": width, "height": height}
            context = browser.new_context(viewport=size, **options)
            stack.callback(context.close)
            page = context.new_page()
            page.on("pageerror", lambda error: troubles.append(str(error)))
            page.on("console", lambda m: troubles.append(m.text) if "Policy" in m.text else None)
            page.goto(url)
            return page

        yield open_one
    assert troubles == []


@pytest.fixture(scope="module")
def model(studio: Studio) -> str:
    """A model that is trained, the first that there is; learned here where no test did yet."""
    runs = [run["id"] for run in studio.client.get("/runs").json() if run["status"] == "finished"]
    if runs:
        return str(runs[-1])
    text = studio.client.post("/samples/othello-monologue").json()
    begun = studio.client.post("/runs", json={"text": text["id"], "minutes": BRIEF}).json()
    return str(studio.wait_for(begun["id"], "finished")["id"])


# From nothing to a text, as people do it.


def test_the_keyboard_alone_and_a_training_that_outlives_the_studio_and_its_own_end(
    studio: Studio, open_page: Callable[..., Page], monologue: str
) -> None:
    page = open_page(studio.url)
    expect(page.get_by_role("heading", level=2)).to_contain_text("Give Charloom a text")
    press = page.keyboard.press
    tab_to(page, "The text to learn")
    page.keyboard.insert_text(monologue)
    tab_to(page, "Use this text")
    press("Enter")
    expect(page.locator("main").get_by_text("1,860 characters")).to_be_visible()
    tab_to(page, "Minutes")
    press("Control+a")
    page.keyboard.type("5")
    tab_to(page, "Start learning")
    press("Enter")
    expect(page.locator("main").get_by_text("Getting ready")).to_be_visible()

    studio.end(signal.SIGKILL)
    expect(page.get_by_text(NOT_RUNNING)).to_be_visible()
    studio.start()
    expect(page.get_by_text(NOT_RUNNING)).to_be_hidden()
    expect(page.locator("main").get_by_text("characters a second")).to_be_visible(timeout=PATIENCE)

    (worker,) = studio.folder.glob("runs/*/worker.json")
    os.kill(json.loads(worker.read_text())["pid"], signal.SIGKILL)
    expect(
        page.locator("main").get_by_text("Stopped before there was anything to keep")
    ).to_be_visible()
    settings = worker.with_name("run.json")  # it has been killed in time; now it may be brief
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "minutes": BRIEF}))
    tab_to(page, "Resume")
    press("Enter")
    expect(page.locator("main").get_by_text("Finished", exact=True)).to_be_visible(timeout=PATIENCE)

    expect(
        page.locator("main").get_by_text("bits per character on all text held out")
    ).to_be_visible()
    expect(page.locator(".legend .ngram")).to_have_text(re.compile(r"n-gram \d\.\d\d\d"))

    tab_to(page, "Write with it")
    press("Enter")
    tab_to(page, "Begin with")
    page.keyboard.type("It was ")
    tab_to(page, "Write")
    press("Enter")
    expect(page.get_by_role("button", name="Go on from here")).to_be_visible()
    tab_to(page, "The text that was written, shaded by how sure the model was")
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "End", "Home"):
        press(key)
    assert page.locator(".output .here").count() == 1
    expect(page.locator("#status")).to_contain_text("came, with a probability of")

    tab_to(page, "Let it write", back=True)
    press("ArrowRight")
    tab_to(page, "Your text")
    page.keyboard.type("It was ")
    press("2")  # nothing is offered for this text yet
    expect(page.locator(".offers[aria-busy=false] .offer").nth(1)).to_be_visible()
    expect(page.get_by_label("Your text")).to_have_value("It was ")
    press("2")
    expect(page.get_by_label("Your text")).to_have_value(re.compile(r"^It was \D+"))
    press("Control+z")
    expect(page.get_by_label("Your text")).to_have_value("It was ")


def test_from_an_empty_folder_to_a_written_text_with_the_mouse(
    tmp_path: Path, open_page: Callable[..., Page]
) -> None:
    with contextlib.closing(Studio(tmp_path / "studio")) as studio:
        learn_and_write_with_the_mouse(open_page(studio.url))


def learn_and_write_with_the_mouse(page: Page) -> None:
    expect(page.get_by_role("heading", level=2)).to_contain_text("Give Charloom a text")
    page.get_by_role("button", name="Othello’s monologue").click()
    expect(page.locator("main").get_by_text("1,860 characters")).to_be_visible()
    expect(page.locator("main").get_by_text("can read English already")).to_be_visible()
    page.get_by_label("Minutes", exact=True).fill("5")
    page.get_by_role("button", name="Start learning").click()

    expect(page.locator("main").get_by_text("characters a second")).to_be_visible(timeout=PATIENCE)
    curve = page.locator(".curve path.training")
    before = curve.get_attribute("d")
    page.wait_for_function(
        "before => document.querySelector('.curve path.training').getAttribute('d') !== before",
        arg=before,
    )
    assert "training" in (page.locator(".curve svg").get_attribute("aria-label") or "")
    expect(page.locator(".legend .ngram")).to_have_text(re.compile(r"n-gram \d\.\d\d\d"))
    expect(page.locator(".curve path.validation")).to_have_attribute("d", re.compile("^M"))

    page.reload()
    expect(page.locator(".curve path.training")).to_have_attribute("d", re.compile("^M.*L"))
    page.get_by_role("button", name="Stop and keep everything").click()
    expect(page.locator("main").get_by_text("everything learned so far is kept")).to_be_visible(
        timeout=PATIENCE
    )

    page.get_by_role("link", name="Write with it").click()
    page.get_by_label("Begin with").fill("My story ")
    page.get_by_role("button", name="Write", exact=True).click()
    expect(page.get_by_role("button", name="Go on from here")).to_be_visible()
    written = page.locator(".shaded-box .shaded > span")
    assert written.count() > 300
    assert {"s1", "s3"} <= set(written.evaluate_all("all => all.map(one => one.dataset.shade)"))
    written.nth(20).hover()
    expect(page.locator(".details .bars li")).to_have_count(6)
    expect(page.locator(".details .help")).to_contain_text("came, with a probability of")

    page.get_by_text("Write with me").click()
    text = page.get_by_label("Your text")
    text.fill("My story ")
    offer = page.locator(".offers[aria-busy=false] .offer").first
    expect(offer).to_be_visible()
    offer.click()
    expect(text).to_have_value(re.compile(r"^My story .+"))
    page.get_by_role("button", name="Undo").click()
    expect(text).to_have_value("My story ")

    page.get_by_role("link", name="Look inside").click()
    page.get_by_role("button", name="Look inside").click()
    choices = page.locator(".choices button")
    expect(choices.first).to_contain_text("surprise")
    choices.nth(1).click()
    expect(page.locator(".inside h3").first).to_have_text(re.compile(r"Unit \d+ follows: "))
    shades = page.locator(".inside .shaded > span")
    assert {"r", "b"} <= set(
        shades.evaluate_all("all => all.map(one => (one.dataset.shade ?? ' ')[0])")
    )
    page.locator(".passage").first.click()
    assert page.locator(".inside .marked").count() == 60

    page.get_by_role("link", name="Card").click()
    expect(
        page.locator("main").get_by_text("the training was stopped before its end")
    ).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the model").click()
    assert download.value.suggested_filename == "Othello’s monologue.safetensors"
    assert charloom.load(download.value.path()).write(length=20, seed=1)


def tab_to(page: Page, name: str, back: bool = False) -> None:
    """Press Tab until the focus is on what has this name; it must be seen to be there."""
    focused = """() => {
        const one = document.activeElement;
        const labels = [...(one.labels ?? [])].map(label => label.firstChild.textContent.trim());
        return [one.getAttribute("aria-label"), ...labels, one.textContent.trim()];
    }"""
    for _ in range(60):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        if name in page.evaluate(focused):
            ring = "getComputedStyle(document.activeElement).outlineStyle"
            label = "getComputedStyle(document.activeElement.nextElementSibling ?? document.body)"
            styles = page.evaluate(f"[{ring}, {label}.outlineStyle]")
            assert styles[0] != "none" or styles[1] != "none"
            return
    pytest.fail(f"{name} cannot be reached with the Tab key")


@pytest.mark.parametrize("view", ["learn", "learn/ID", "write/ID", "inside/ID", "card/ID"])
def test_a_phones_width_needs_no_scrolling_sideways(
    studio: Studio, model: str, open_page: Callable[..., Page], view: str
) -> None:
    page = open_page(f"{studio.url}/#/{view.replace('ID', model)}", 360, 740)
    expect(page.locator("h2").first).to_be_visible()
    if view == "inside/ID":
        page.get_by_role("button", name="Look inside").click()
        expect(page.locator(".choices button").first).to_be_visible()
    if view == "card/ID":
        expect(page.locator(".curve svg")).to_be_visible()
    if view == "write/ID":
        page.get_by_role("button", name="Write", exact=True).click()
        expect(page.get_by_role("button", name="Go on from here")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_the_page_is_dark_where_the_system_is_and_where_it_is_told(
    studio: Studio, open_page: Callable[..., Page]
) -> None:
    page = open_page(studio.url, color_scheme="dark", reduced_motion="reduce")
    assert brightness(page, "backgroundColor") < 60 < 180 < brightness(page, "color")
    theme = page.get_by_role("button", name="Colours")
    theme.click()
    expect(theme).to_have_text("Colours: light")
    assert brightness(page, "backgroundColor") > 200
    page.reload()
    expect(theme).to_have_text("Colours: light")
    assert page.locator("#theme").evaluate("one => getComputedStyle(one).transitionDuration") in (
        "0s",
        "",
    )


def brightness(page: Page, what: str) -> float:
    """Of a colour of the page, from 0 to 255."""
    colour = page.evaluate(f"getComputedStyle(document.body).{what}")
    red, green, blue = (float(n) for n in re.findall(r"[\d.]+", colour)[:3])
    return (red + green + blue) / 3


def test_a_mistake_is_a_note_that_can_be_dismissed(
    studio: Studio, open_page: Callable[..., Page], tmp_path: Path
) -> None:
    page = open_page(f"{studio.url}/#/learn")
    letter = tmp_path / "letter.docx"
    with zipfile.ZipFile(letter, "w") as file:
        file.writestr("word/document.xml", "<w:t>Dear Iago</w:t>")
    page.locator("input[type=file]").set_input_files(letter)
    note = page.get_by_role("alert").filter(has_text="letter.docx is a Word, OpenDocument")
    expect(note).to_contain_text("save it as plain text (.txt) and give that.")
    page.get_by_role("button", name="Dismiss").click()
    expect(note).to_be_hidden()


def test_a_text_file_is_dropped_and_a_model_deleted_after_a_question(
    studio: Studio, model: str, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{studio.url}/#/learn")
    expect(page.locator(".drop")).to_be_visible()
    page.evaluate(
        """() => {
            const data = new DataTransfer();
            data.items.add(new File(["Ein Brief über Öl.\\n".repeat(90)], "../Öl <b>.txt"));
            const drop = new DragEvent("drop", {dataTransfer: data, bubbles: true});
            document.querySelector(".drop").dispatchEvent(drop);
        }"""
    )
    expect(page.get_by_role("heading", name="../Öl <b>.txt")).to_be_visible()
    expect(page.locator("main").get_by_text("this text is not of its kind")).to_be_visible()
    page.get_by_label("Name of the model").fill("Briefe")
    page.get_by_role("button", name="Start learning").click()
    expect(page.get_by_role("heading", name="Briefe")).to_be_visible()
    run = page.url.rsplit("/", 1)[1]
    studio.client.post(f"/runs/{run}/stop")
    studio.wait_for(run, "stopped")

    page.get_by_role("button", name="Delete", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Delete Briefe?")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_role("heading", name="Learn a text")).to_be_visible()
    assert studio.client.get(f"/runs/{run}").status_code == 404
    assert not (studio.folder / "runs" / run).exists()
    assert "Briefe" not in studio.client.get("/runs").text
    assert "Brief" not in "".join(
        path.read_text("utf-8", "replace") for path in studio.folder.glob("texts/*/*")
    )


# The server, over a socket.


def test_the_page_needs_nothing_from_elsewhere(studio: Studio) -> None:
    answer = httpx.get(studio.url)
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    for path in PAGE.iterdir():
        text = path.read_text("utf-8")
        names = set(re.findall(r"\w+://[^\"'`\s]+", text))
        assert names <= {"http://www.w3.org/2000/svg"}, path.name
        assert httpx.get(f"{studio.url}/page/{path.name}").status_code == 200
        if path.suffix == ".js":
            assert len(text.splitlines()) <= 300, path.name
            for module in re.findall(r'from "\./(.+?)"', text):
                assert (PAGE / module).exists(), module
    assert httpx.get(f"{studio.url}/page/../app.py").status_code == 404
    assert httpx.get(f"{studio.url}/docs").status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:8642"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Host": "127.0.0.1.evil.example"},
    ],
)
def test_foreign_pages_are_refused(studio: Studio, headers: dict[str, str]) -> None:
    answer = httpx.post(f"{studio.url}/api/samples/othello", headers=headers)
    assert answer.status_code == 403
    assert "computer" in answer.text
    assert studio.client.get("/studio").status_code == 200


def test_a_page_of_another_site_cannot_drive_the_studio(
    studio: Studio, open_page: Callable[..., Page]
) -> None:
    """What a browser itself sends from elsewhere: a page of another port of this computer."""
    before = studio.client.get("/texts").json()
    other = subprocess.Popen(
        [sys.executable, "-m", "http.server", str(port := free_port()), "--bind", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_answered(port)
        page = open_page(f"http://127.0.0.1:{port}/")
        page.evaluate(
            """url => fetch(url + "/api/texts?name=evil", {method: "POST", body: "evil text",
                mode: "no-cors"}).catch(() => null)""",
            studio.url,
        )
    finally:
        other.kill()
        other.wait()
    assert studio.client.get("/texts").json() == before


def wait_until_answered(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    pytest.fail("nobody answers")


def test_a_text_is_looked_at_when_it_is_given(studio: Studio) -> None:
    german = studio.give("Größe und Maß, süß und bös.\r\n".encode("cp1252") * 60, "../../etc/x\n")
    assert german["name"] == "../../etc/x"
    assert re.fullmatch(r"[0-9a-f]{12}", german["id"])
    assert german["characters"] == 60 * 28
    assert german["guessed"]
    assert german["start"] == "nothing"
    assert german["preview"].startswith("Größe und Maß")
    assert (studio.folder / "texts" / german["id"] / "text.txt").exists()
    assert not list(studio.folder.parent.glob("etc*"))
    assert german["id"] in [text["id"] for text in studio.client.get("/texts").json()]
    assert studio.client.delete(f"/texts/{german['id']}").json() == {}
    assert not (studio.folder / "texts" / german["id"]).exists()


def zipped() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        file.writestr("a", "b")
    return data.getvalue()


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (zipped(), 409, "save it as plain text"),
        (b"%PDF-1.7 ...", 409, "Mine is a PDF"),
        (b"a\0b\0\0\0c" * 50, 409, "it holds zero bytes); save it as plain text in UTF-8"),
        (b"", 409, "Mine holds no text"),
        (b"aaaa", 409, "fewer than two different characters"),
    ],
)
def test_what_is_no_text_is_refused_in_a_sentence(
    studio: Studio, content: bytes, status: int, words: str
) -> None:
    before = set(studio.folder.glob("texts/*"))
    answer = studio.client.post("/texts", params={"name": "Mine"}, content=content)
    assert answer.status_code == status
    assert words in answer.json()["error"]
    assert str(studio.folder) not in answer.json()["error"]
    assert set(studio.folder.glob("texts/*")) == before


def test_a_text_that_is_too_large_is_refused_before_and_while_it_comes(studio: Studio) -> None:
    before = set(studio.folder.glob("texts/*"))
    connection = http.client.HTTPConnection("127.0.0.1", studio.port, timeout=30)
    connection.putrequest("POST", "/api/texts?name=Mine")
    connection.putheader("Content-Length", str(100_000_001))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert "larger than 100 MB" in json.loads(answer.read())["error"]
    connection.close()

    def pieces() -> Iterator[bytes]:
        for _ in range(120):
            yield b"To be, or not to be. " * 50_000

    with contextlib.suppress(httpx.WriteError, httpx.ReadError):  # it hangs up in the middle
        late = studio.client.post("/texts", params={"name": "Mine"}, content=pieces())
        assert late.status_code == 413
    wait_until(lambda: set(studio.folder.glob("texts/*")) == before)


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("GET", "/runs/0123456789ab", None, 404, "no longer in the studio"),
        ("GET", "/runs/..%2f..", None, 404, "nothing at"),
        ("GET", "/models/0123456789ab", None, 404, "no longer in the studio"),
        ("POST", "/models/0123456789ab/write", {}, 404, "no longer in the studio"),
        ("DELETE", "/texts/0123456789ab", None, 404, "no longer in the studio"),
        ("POST", "/runs", {"text": "0123456789ab", "minutes": 1}, 404, "no longer in the studio"),
        ("POST", "/runs", {"minutes": 1}, 422, "text does not fit"),
        ("POST", "/runs", {"text": "x", "minutes": "soon"}, 422, "minutes does not fit"),
        ("POST", "/samples/hamlet", None, 409, "there are: othello"),
        ("GET", "/nowhere", None, 404, "There is nothing at /api/nowhere."),
        ("PATCH", "/runs", None, 405, "Method Not Allowed"),
    ],
)
def test_errors_are_one_sentence(
    studio: Studio, method: str, path: str, body: Any, status: int, words: str
) -> None:
    answer = studio.client.request(method, path, json=body)
    assert answer.status_code == status
    assert words in answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("write", {"temperature": -1}, "temperature must be"),
        ("write", {"length": 0}, "length does not fit"),
        ("write", {"max_copy": 1}, "max_copy must be"),
        ("write", {"label": "Ann"}, "This model has no labels"),
        ("suggest", {"text": "a", "label": "Ann"}, "This model has no labels"),
        ("inside", {"text": "  \n"}, "There is nothing to look at"),
        ("unit", {"text": "abc", "unit": 9999}, "numbered 0 to 639"),
    ],
)
def test_settings_that_make_no_sense_are_one_sentence(
    studio: Studio, model: str, path: str, body: Any, words: str
) -> None:
    answer = studio.client.post(f"/models/{model}/{path}", json=body)
    assert answer.status_code in (400, 422)
    assert words in answer.json()["error"]


def test_the_same_seed_writes_what_the_library_writes(studio: Studio, model: str) -> None:
    settings = {"prompt": "My ☃ story ", "length": 90, "seed": 11, "temperature": 0.6, "top_k": 9}
    answer = studio.client.post(f"/models/{model}/write", json=settings)
    told = events_of(answer)
    assert told[0] == ("begin", {"seed": 11, "replaced": {}})  # it reads bytes: all is known
    assert told[-1] == ("end", {})
    characters = [one for kind, data in told if kind == "text" for one in data]
    loaded = charloom.load(studio.folder / "runs" / model / "model")
    settings["prompt"] = str(settings["prompt"])
    assert "".join(one[0] for one in characters) == loaded.write(**settings)
    assert all(0 <= p <= 1 and len(others) <= 6 for _, p, others in characters)
    offers = studio.client.post(f"/models/{model}/suggest", json={"text": "My story "}).json()
    assert {(o["text"], o["probability"]) for o in offers} == {
        (s.text, s.probability) for s in loaded.suggest("My story ")
    }


def test_looking_inside_says_what_the_library_says(
    studio: Studio, model: str, monologue: str
) -> None:
    found = studio.client.post(f"/models/{model}/inside", json={"text": monologue}).json()
    loaded = charloom.load(studio.folder / "runs" / model / "model")
    assert found["mean"] == pytest.approx(loaded.score(monologue).bits_per_character)
    assert sum(found["bits"]) / len(monologue) == pytest.approx(found["mean"], abs=0.01)
    assert [p["position"] for p in found["worst"]] == [
        p.position for p in loaded.worst(monologue, 5)
    ]
    units = loaded.units(monologue)
    best = found["followers"][0]
    assert best == vars(units.followers()[0])
    body = {"text": monologue, "unit": best["unit"]}
    values = studio.client.post(f"/models/{model}/unit", json=body).json()
    assert values == pytest.approx(units.states_CxU[:, best["unit"]].tolist(), abs=0.006)


def test_a_model_has_a_card_its_events_and_some_of_its_text(
    studio: Studio, model: str, monologue: str
) -> None:
    card = studio.client.get(f"/models/{model}").json()
    assert card["text"]["characters"] == 1860
    assert card["scores"]["validation_bits_per_character"] > 0
    assert card["scores"]["ngram_bits_per_character"] > 0
    assert "model" not in card["scores"]  # where it lies is nobody's business
    events = studio.client.get(f"/runs/{model}/events").json()
    notes = " ".join(event["text"] for event in events if event["kind"] == "note")
    assert ": 1,860 characters (utf-8)" in notes
    assert "it is tuned on it." in notes
    assert "/" not in notes.replace("characters/s", "")
    kinds = [event["kind"] for event in events]
    assert kinds[0] == "begin"
    assert {"note", "yardsticks", "start", "progress", "check"} <= set(kinds)
    assert kinds[-1] == "finish"
    passage = studio.client.get(f"/models/{model}/passage").json()["text"]
    assert passage.strip() == monologue.strip()
    used = studio.client.delete(f"/texts/{studio.client.get(f'/runs/{model}').json()['text']}")
    assert used.status_code == 400
    assert "was made from this text" in used.json()["error"]


def test_a_model_with_labels_is_added_and_writes_under_them(
    studio: Studio, open_page: Callable[..., Page], tmp_path: Path
) -> None:
    page = open_page(f"{studio.url}/#/card")
    damaged, labelled = tmp_path / "damaged.safetensors", tmp_path / "Two <i>.safetensors"
    damaged.write_bytes(b"no model at all")
    save_model(labelled, two_labels())
    add = page.locator("input[type=file]")
    add.set_input_files(damaged)
    note = page.locator("#notes").get_by_text("damaged is damaged")
    expect(note).to_be_visible()
    assert str(studio.folder) not in note.inner_text()
    add.set_input_files(labelled)
    expect(page.get_by_role("heading", name="Two <i>")).to_be_visible()
    expect(page.get_by_role("cell", name="Ann, Ben")).to_be_visible()
    page.get_by_role("link", name="Write with it").click()
    page.get_by_label("In the manner of").select_option("Ben")
    page.get_by_role("button", name="Write", exact=True).click()
    expect(page.get_by_role("button", name="Go on from here")).to_be_visible()
    written = "".join(page.locator(".shaded-box .shaded > span").all_text_contents())
    assert set(written) <= set("bB\n")  # all that Ben ever writes
    run = page.url.rsplit("/", 1)[1]
    assert studio.client.delete(f"/runs/{run}").json() == {}


def two_labels() -> ModelData:
    """A model whose labels decide all it writes: Ann's is a and A, Ben's b and B."""
    vocabulary = build_vocabulary({ord(c): 1 for c in "abAB\n"}, "characters", True).vocabulary
    shape = NetworkShape(vocabulary.size, 4, labels=2)
    weights = {n: np.zeros(s, np.float32) for n, s in shape.tensors().items()}
    weights["labels.embeddings"][:, 0] = (1, -1)
    weights["lstm_0.kernel"][0, 8:12] = 9  # the candidate, in the order i f c o
    for number, symbol in enumerate(vocabulary.symbols):
        sign = {"a": 1, "b": -1}.get(chr(symbol).lower(), 0)
        weights["dense.kernel"][:, number] = 60 * sign
    weights["dense.bias"][len(vocabulary.symbols) :] = -60
    data = ModelData(shape, vocabulary, weights, (0,), labels=("Ann", "Ben"))
    return replace(data, text={"characters": 9, "encoding": "utf-8"}, scores={"seconds": 1.0})


def test_the_server_never_loads_pytorch(studio: Studio, model: str) -> None:
    assert studio.client.post(f"/models/{model}/suggest", json={"text": "a"}).status_code == 200
    loaded = Path(f"/proc/{studio.process.pid}/maps").read_text()
    assert "numpy" in loaded
    assert "torch" not in loaded


def test_one_is_trained_at_a_time_and_what_waits_can_be_taken_out(studio: Studio) -> None:
    text = studio.give("Wer reitet so spät durch Nacht und Wind?\n" * 40, "Erlkönig")["id"]
    first, second = (
        studio.client.post("/runs", json={"text": text, "minutes": 9, "name": name}).json()
        for name in ("one", "two")
    )
    assert (first["status"], second["status"]) == ("running", "queued")
    assert "stop it first" in studio.client.delete(f"/runs/{first['id']}").json()["error"]
    studio.client.post(f"/runs/{second['id']}/stop")
    assert studio.client.get(f"/runs/{second['id']}").json()["status"] == "stopped"
    assert "no model here yet" in studio.client.get(f"/models/{second['id']}").json()["error"]
    studio.client.post(f"/runs/{second['id']}/resume")
    assert studio.client.get(f"/runs/{second['id']}").json()["status"] == "queued"
    studio.client.post(f"/runs/{first['id']}/stop")
    studio.wait_for(first["id"], "stopped")
    studio.wait_for(second["id"], "running")
    # The text is gone when its turn comes: told in a sentence that names it.
    studio.client.post(f"/runs/{second['id']}/stop")
    studio.wait_for(second["id"], "stopped")
    path = studio.folder / "texts" / text / "text.txt"
    path.rename(path.with_name("elsewhere"))
    studio.client.post(f"/runs/{second['id']}/resume")
    failed = studio.wait_for(second["id"], "failed")
    assert "Erlkönig" in failed["error"] or "two" in failed["error"]
    assert str(studio.folder) not in failed["error"]
    for run in (first, second):
        assert studio.client.delete(f"/runs/{run['id']}").json() == {}
    assert not (studio.folder / "texts" / text).exists()


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    """A limit on the size of files stands in for a full disk."""
    with contextlib.closing(Studio(tmp_path / "small", most_bytes=50_000)) as studio:
        answer = studio.client.post("/texts", content="To be, or not to be.\n" * 5000)
        assert answer.status_code == 507
        assert "The disk is full" in answer.json()["error"]
        assert list((tmp_path / "small/texts").iterdir()) == []


def test_a_folder_and_a_port_have_one_studio(studio: Studio, tmp_path: Path) -> None:
    for folder, port, words in (
        (studio.folder, free_port(), "Another studio has"),
        (tmp_path / "other", studio.port, str(studio.port)),
    ):
        result = subprocess.run(command_for(folder, port), capture_output=True, text=True)
        assert result.returncode == 1
        assert words in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "other").exists()


# Parts that need neither.


def test_events_survive_a_kill_in_the_middle_of_a_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    writer = EventWriter(path, 1)
    writer.tell("progress", training=float("nan"), seconds=1.0)
    with path.open("a") as file:
        file.write('{"kind": "prog')
    assert last_event(path) == {"kind": "progress", "training": None, "seconds": 1.0}
    EventWriter(path, 1).tell("begin", at=1)
    lines, end = read_events(path)
    assert [json.loads(line)["kind"] for line in lines] == ["progress", "begin"]
    assert end == path.stat().st_size
    assert read_events(path, end) == ([], end)
    assert read_events(tmp_path / "none") == ([], 0)


def test_names_are_one_line_of_what_can_be_printed() -> None:
    assert clean_name(" a\nb\t\x00c\ud800 ", "none") == "a b c?"
    assert clean_name("\n\x1b", "none") == "none"
    assert len(clean_name("x" * 500, "none")) == 80


def test_what_to_expect_grows_with_the_text() -> None:
    assert "mostly repeats the text" in expectations(500, "base")[1]
    assert "tuned to your text" in expectations(50_000, "base")[0]
    assert "not of its kind" in expectations(50_000, "nothing")[0]
    assert "about 33%" in expectations(135_000_000, "nothing")[2]
    sizes = [500, 10_000, 400_000, 1_000_000, 5_000_000, 80_000_000]
    minutes = [minutes_for(size) for size in sizes]
    assert minutes == sorted(minutes)
