"""A model with one Python file that writes with it, for somebody's own program."""

from __future__ import annotations

from pathlib import Path

from charloom.model import FILE_NAME, ModelData, save_model, write_atomically
from charloom.text import writing_to

SCRIPT = "charloom_model.py"
# It runs as it stands: tests import it, and what is exported is this very file.
TEMPLATE = Path(__file__).with_name("numpy_template.py")


def write_folder(data: ModelData, path: Path, name: str) -> None:
    """Write a folder with the model and the program beside it."""
    with writing_to(path):
        path.mkdir(exist_ok=True)
    save_model(path / FILE_NAME, data)
    title = name.replace("\\", "").replace('"', "")
    program = TEMPLATE.read_text("utf-8").replace(
        "A character model that Charloom trained",
        f"{title}: a character model that Charloom trained",
        1,
    )
    write_atomically(path / SCRIPT, program.encode("utf-8"))
