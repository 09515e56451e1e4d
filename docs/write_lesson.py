"""Keep the pages that can be run, their outputs and pictures, and the notebook one and the same.

    python docs/write_lesson.py                 the notebook, from docs/tutorial.md
    python docs/write_lesson.py --run [PAGE]    run the pages; outputs, pictures, the notebook

A page is the source. What stands in a ```text block right behind a ```python block is
what that block printed.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

DOCS = Path(__file__).parent
PAGE, NOTEBOOK, PICTURES = DOCS / "tutorial.md", DOCS / "tutorial.ipynb", DOCS / "pictures"
PAGES = ("tutorial.md", "small-texts.md")
WORK = DOCS.parent / "build" / "lesson"
SECONDS = 1800  # for one cell
BLOCK = re.compile(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", re.S)


def notebook_of(page: str) -> nbformat.NotebookNode:
    """The page as a notebook, its outputs included."""
    cells = []

    def add_prose(text: str) -> None:
        if text.strip():
            cells.append(new_markdown_cell(text.strip(), id=f"cell-{len(cells)}"))

    end = 0
    for block in BLOCK.finditer(page):
        add_prose(page[end : block.start()])
        end = block.end()
        code, printed = block.groups()
        outputs = [new_output("stream", name="stdout", text=printed)] if printed else []
        cells.append(
            new_code_cell(
                code.rstrip("\n"),
                id=f"cell-{len(cells)}",
                outputs=outputs,
                execution_count=sum(cell.cell_type == "code" for cell in cells) + 1,
            )
        )
    add_prose(page[end:])
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def run(notebook: nbformat.NotebookNode, folder: Path) -> list[str]:
    """Run a notebook in a folder; what each of its code cells printed.

    Raises:
        nbclient.exceptions.CellExecutionError: if a cell fails.
    """
    import nbclient

    resources = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(
        notebook, timeout=SECONDS, kernel_name="python3", resources=resources
    ).execute()
    return [
        "".join(out.text for out in cell.outputs if out.get("name") == "stdout")
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def with_outputs(page: str, printed: list[str]) -> str:
    """The page with new outputs."""
    rest = iter(printed)

    def block(match: re.Match[str]) -> str:
        output = "\n".join(line.rstrip() for line in next(rest).splitlines())
        shown = f"\n```text\n{output}\n```\n" if output.strip() else ""
        return f"```python\n{match[1]}```\n{shown}"

    return BLOCK.sub(block, page)


def run_page(path: Path) -> None:
    """Run a page anew: its outputs, and its pictures."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    page = path.read_text("utf-8")
    path.write_text(with_outputs(page, run(notebook_of(page), WORK)), "utf-8")
    PICTURES.mkdir(exist_ok=True)
    for picture in WORK.glob("*.png"):
        shutil.copy(picture, PICTURES)


def main() -> None:
    if "--run" in sys.argv:
        for name in sys.argv[2:] or PAGES:
            run_page(DOCS / name)
    NOTEBOOK.write_text(nbformat.writes(notebook_of(PAGE.read_text("utf-8"))) + "\n", "utf-8")


if __name__ == "__main__":
    main()
