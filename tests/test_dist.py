"""What is released: the wheel works by itself, and models of every version go on working."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

import charloom
from studio_process import free_port

ROOT = Path(__file__).parents[1]
FIXTURES = Path(__file__).parent / "fixtures"
VERSIONS = sorted(path.name for path in FIXTURES.iterdir() if path.is_dir())


@pytest.mark.parametrize("version", VERSIONS)
def test_a_model_of_every_version_writes_what_it_wrote(version: str) -> None:
    """fixtures/make.py made them, each with the release that brought its version."""
    model = charloom.load(FIXTURES / version)
    expected = json.loads((FIXTURES / version / "expected.json").read_text("utf-8"))
    for case in expected["written"]:
        assert model.write(**case["settings"]) == case["text"]
    score = model.score(expected["scored"]["text"])
    assert score.bits_per_character == pytest.approx(expected["scored"]["bits"], abs=1e-4)


def test_the_version_that_is_written_now_has_a_fixture() -> None:
    from charloom.model.file import FORMAT_VERSION

    assert f"version-{FORMAT_VERSION}" in VERSIONS


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel and the sdist, as `make dist` builds them."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


@pytest.fixture(scope="module")
def elsewhere(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a new environment, in which the wheel is installed."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    (wheel,) = built.glob("*.whl")
    command = [sys.executable, "-m", "pip", "-q", "--python", str(python), "install"]
    subprocess.run([*command, "--no-index", "--no-deps", str(wheel)], check=True)
    # What it needs is taken from here, as installing PyTorch takes minutes; Charloom is not: the
    # tree is only known here by a .pth file, and those are not followed from another place.
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def test_the_wheel_trains_writes_and_serves(elsewhere: Path, tmp_path: Path) -> None:
    def run(*arguments: object) -> str:
        result = subprocess.run(
            [str(elsewhere / "charloom"), *map(str, arguments)],
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
            env={**clean, "CHARLOOM_CACHE": str(tmp_path / "cache")},
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    where = "import charloom; print(charloom.__file__)"
    shown = subprocess.check_output([elsewhere / "python", "-c", where], env=clean, text=True)
    assert Path(shown).is_relative_to(elsewhere.parent)
    (tmp_path / "text.txt").write_text(charloom.sample("othello-monologue"), "utf-8")
    run("train", "text.txt", "-o", "m", "--minutes", 0.05)
    assert len(run("write", "m", "--prompt", "The ", "--length", 40, "--seed", 1)) == 45
    assert run("export", "m", "--to", "html").startswith("m.html")
    with _started(
        elsewhere / "charloom", "serve", "m", "--port", "0", cwd=tmp_path, env=clean
    ) as line:
        found = re.search(r"http://\S+(?=/v1 )", line)
        assert found is not None
        body = json.dumps({"model": "m", "prompt": "The ", "max_tokens": 7}).encode()
        headers = {"Content-Type": "application/json"}
        with urlopen(Request(f"{found[0]}/v1/completions", body, headers)) as answer:
            assert len(json.load(answer)["choices"][0]["text"]) == 7
    studio = (elsewhere / "charloom", "studio", "s", "--port", free_port(), "--no-browser")
    with _started(*studio, cwd=tmp_path, env=clean) as line:
        found = re.search(r"http://127.0.0.1:\d+", line)
        assert found is not None
        for page in ("/", "/page/main.js"):
            with urlopen(found[0] + page) as answer:
                assert len(answer.read()) > 500


@contextlib.contextmanager
def _started(*command: object, cwd: Path, env: dict[str, str]) -> Iterator[str]:
    """A server, until the end of the block, and the first line that it prints."""
    server = subprocess.Popen(
        [*map(str, command)], cwd=cwd, stdout=subprocess.PIPE, text=True, env=env
    )
    try:
        assert server.stdout is not None
        yield server.stdout.readline()
    finally:
        server.terminate()
        server.communicate(timeout=20)


def test_what_is_not_python_is_inside(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        inside = set(file.namelist())
    needed = {
        *("charloom/base/model.safetensors", "charloom/studio/page/index.html"),
        *("charloom/export/page/page.html", "charloom/export/numpy_template.py"),
        *("charloom/py.typed",),
    }
    assert needed <= inside
    assert not any("tests/" in name for name in inside)
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as file:
        names = {name.split("/", 1)[-1] for name in file.getnames()}
    assert {"src/charloom/base/model.safetensors", "tests/test_dist.py", "README.md"} <= names
