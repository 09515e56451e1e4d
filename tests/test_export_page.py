"""In a real browser: the exported web page, opened from the disk, and onnxruntime-web."""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

import charloom
from charloom.export.base import in_half, network_alone
from charloom.language_model import LanguageModel
from test_export import PIECE, SEED, expected_logits, some_ids

# onnxruntime-web as it comes from npm; make test puts it there.
ONNX_WEB = Path(__file__).parents[1] / "build" / "onnxruntime-web" / "package" / "dist"
LOGITS = "ids => { const s = model.initialState(); return ids.map(id => [...model.step(id, s)]); }"


@pytest.fixture(scope="module", params=["characters", "bytes"])
def model(request: pytest.FixtureRequest, trained: Path, trained_bytes: Path) -> LanguageModel:
    return charloom.load(trained if request.param == "characters" else trained_bytes)


@pytest.fixture(scope="module")
def halved(model: LanguageModel) -> LanguageModel:
    """What the page computes with: the network alone, its weights rounded."""
    data = in_half(network_alone(model.data))
    return LanguageModel(
        replace(data, weights={n: a.astype(np.float32) for n, a in data.weights.items()})
    )


@pytest.fixture(scope="module")
def page(
    browser: Browser, model: LanguageModel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    file = charloom.export_model(model, "html", tmp_path_factory.mktemp("page") / "m.html")
    page = browser.new_page(viewport={"width": 390, "height": 800})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: asked.append(str(error)))
    page.goto(file.as_uri())
    yield page
    assert asked == [file.as_uri()]  # nothing else was asked for, and nothing failed
    page.close()


def test_the_page_is_small(model: LanguageModel, tmp_path: Path) -> None:
    file = charloom.export_model(model, "html", tmp_path / "m.html")
    halves = 2 * sum(array.size for array in model.data.weights.values())
    assert file.stat().st_size < 1.5 * halves + 60_000


def test_its_logits_are_numpys(page: Page, model: LanguageModel, halved: LanguageModel) -> None:
    found = np.array(page.evaluate(LOGITS, some_ids(model.data).tolist()))
    np.testing.assert_allclose(found, expected_logits(halved.data), atol=1e-4)
    np.testing.assert_allclose(found, expected_logits(model.data), atol=1e-2)


def test_a_browser_without_webassembly_gives_the_same(page: Page, model: LanguageModel) -> None:
    assert page.evaluate("model.products.run !== null")
    ids = some_ids(model.data).tolist()[:200]
    plainly = page.evaluate(
        """ids => {
          const lanes = Products.prototype.lanes;
          Products.prototype.lanes = () => null;
          const plain = new Model(ABOUT, WEIGHTS);
          Products.prototype.lanes = lanes;
          const state = plain.initialState();
          return ids.map(id => [...plain.step(id, state)]);
        }""",
        ids,
    )
    np.testing.assert_allclose(np.array(plainly), page.evaluate(LOGITS, ids), atol=1e-4)


@pytest.mark.parametrize(("temperature", "top_p"), [("0.8", "1"), ("1.5", "0.6"), ("0", "1")])
def test_it_writes_what_numpy_writes(
    page: Page, halved: LanguageModel, temperature: str, top_p: str
) -> None:
    page.get_by_label("Begin with").fill(PIECE)
    page.get_by_label("Temperature").fill(temperature)
    page.get_by_label("Top-p").fill(top_p)
    page.get_by_label("Length").fill("300")
    page.get_by_label("Seed").fill(str(SEED))
    page.get_by_role("button", name="Write", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("a second", timeout=60_000)
    settings = {"temperature": float(temperature), "top_p": float(top_p)}
    expected = halved.write(PIECE, length=300, seed=SEED, **settings)
    assert page.locator("#text").text_content() == PIECE + expected


def test_characters_tell_how_likely_they_were(page: Page) -> None:
    page.locator("#text span").nth(5).hover()
    expect(page.locator("#detail")).to_contain_text("came with")
    first = page.locator("#detail").text_content()
    page.locator("#text").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#detail")).not_to_have_text(first or "")


def test_pieces_are_those_that_charloom_suggests(page: Page, halved: LanguageModel) -> None:
    page.get_by_label("Begin with").fill(PIECE)
    offers = page.get_by_role("group", name="The likeliest next pieces").get_by_role("button")
    expected = halved.suggest(PIECE)
    for number, one in enumerate(expected):
        expect(offers.nth(number)).to_contain_text(one.text.replace("\n", "⏎").replace(" ", "␣"))
    offers.first.click()
    expect(page.get_by_label("Begin with")).to_have_value(PIECE + expected[0].text)


def test_writing_can_be_stopped_and_gone_on_with(page: Page) -> None:
    page.get_by_label("Length").fill("100000")
    page.get_by_role("button", name="Write", exact=True).click()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("status")).to_contain_text("Stopped after")
    page.get_by_label("Length").fill("10")
    before = page.locator("#text").text_content() or ""
    page.get_by_role("button", name="Go on from here").click()
    expect(page.get_by_role("status")).to_contain_text("10 characters")
    assert (page.locator("#text").text_content() or "").startswith(before)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """A web server that says nothing. Pages there may load scripts, those of files may not."""

    extensions_map: ClassVar = {
        ".html": "text/html",
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder that is a web site, with onnxruntime-web in it, and its address."""
    if not ONNX_WEB.exists():
        pytest.fail("This test needs onnxruntime-web; get it with: make onnx-web")
    for name in ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"):
        shutil.copy(ONNX_WEB / name, tmp_path)
    (tmp_path / "index.html").write_text("<!doctype html><title>ONNX</title>")
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield tmp_path, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


ONNX = """async pieces => {
  const ort = await import("/ort.wasm.min.mjs");
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create("/model.onnx");
  const [idsName, ...names] = session.inputNames;
  const [logitsName, ...afterNames] = session.outputNames;
  const units = session.inputMetadata[1].shape[1];
  let state = names.map(() => new ort.Tensor("float32", new Float32Array(units), [1, units]));
  const rows = [];
  for (const piece of pieces) {
    const ids = new ort.Tensor("int64", BigInt64Array.from(piece, BigInt), [1, piece.length]);
    const feeds = { [idsName]: ids };
    names.forEach((name, n) => { feeds[name] = state[n]; });
    const found = await session.run(feeds);
    state = afterNames.map(name => found[name]);
    const { data, dims: [, time, size] } = found[logitsName];
    for (let t = 0; t < time; t++) rows.push([...data.slice(t * size, (t + 1) * size)]);
  }
  return rows;
}"""


def test_onnxruntime_web_runs_the_onnx_export(
    browser: Browser, model: LanguageModel, site: tuple[Path, str]
) -> None:
    folder, address = site
    charloom.export_model(model, "onnx", folder / "model.onnx")
    ids = some_ids(model.data).tolist()
    page = browser.new_page()
    page.goto(address)
    # Pieces of any length, the state carried from one to the next.
    found = np.array(page.evaluate(ONNX, [ids[:1], ids[1:8], ids[8:400], ids[400:]]))
    page.close()
    np.testing.assert_allclose(found, expected_logits(model.data), atol=1e-4)
