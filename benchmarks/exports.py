"""Writing speed of the exports that write by themselves, beside Charloom's own, in one run.

python -m benchmarks.exports
"""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
import time
from pathlib import Path

import charloom
from benchmarks.machine import describe
from benchmarks.writing_speed import random_model, written

LENGTH = 4000
# The page's own generator, without what it shows.
IN_PAGE = """(length) => {
  const settings = { prompt: "", temperature: 0.8, topP: 1, seed: 1, length };
  const begun = performance.now();
  let count = 0;
  for (const one of write(model, vocabulary, settings)) count += one.text.length;
  return count / ((performance.now() - begun) / 1000);
}"""


def in_chromium(page: Path) -> float:
    """Characters a second of the exported page, the best of three."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        tab = browser.new_page()
        tab.goto(page.as_uri())
        best = max(tab.evaluate(IN_PAGE, LENGTH) for _ in range(3))
        browser.close()
    return float(best)


def in_program(folder: Path) -> float:
    """Characters a second of the exported NumPy program, the best of three."""
    spec = importlib.util.spec_from_file_location("program", folder / "charloom_model.py")
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    model = program.Model(folder / "model.safetensors")
    best = 0.0
    for seed in range(3):
        begun = time.perf_counter()
        text = model.write(length=LENGTH, seed=seed)
        best = max(best, len(text) / (time.perf_counter() - begun))
    return best


def main(units: tuple[int, ...] = (320, 512)) -> list[str]:
    """Returns the lines of a table."""
    rows = ["| units | Charloom | the NumPy program | the page, in Chromium |", "|---|---|---|---|"]
    for count in units:
        model = random_model(count)
        with tempfile.TemporaryDirectory() as name:
            page = charloom.export_model(model, "html", Path(name) / "m.html")
            folder = charloom.export_model(model, "numpy", Path(name) / "m")
            speeds = written(model, LENGTH, 1), in_program(folder), in_chromium(page)
        rows.append(f"| {count} | {' | '.join(f'{speed:,.0f}' for speed in speeds)} |")
    print("\n".join(rows), flush=True)
    return rows


if __name__ == "__main__":
    print(describe())
    main()
