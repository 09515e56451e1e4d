"""A plugin for the `llm` command (https://llm.datasette.io): `llm -m charloom/NAME 'prompt'`.

NAME is a model's folder in the current folder, or in `charloom` in llm's own (see
`llm logs path`); `charloom/base` is the base model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import llm
from pydantic import Field

from charloom.language_model import LanguageModel, base_model, load
from charloom.model import FILE_NAME
from charloom.text import CharloomError

PREFIX = "charloom/"


@llm.hookimpl
def register_models(register: Callable[..., None]) -> None:
    """Make all models known that are at hand."""
    for name, folder in found_models().items():
        register(CharloomModel(name, folder))


def found_models() -> dict[str, Path | None]:
    """Models' folders by name; None is the base model."""
    found: dict[str, Path | None] = {"base": None}
    for place in (llm.user_dir() / "charloom", Path.cwd()):
        for file in sorted(place.glob(f"*/{FILE_NAME}")):
            found[file.parent.name] = file.parent
    return found


class CharloomModel(llm.Model):
    """A model of Charloom's, as `llm` uses one."""

    can_stream = True

    class Options(llm.Options):
        """What `-o NAME VALUE` may set; see `charloom.Sampling`."""

        length: int = Field(500, description="The most characters to write.")
        temperature: float = Field(0.8, description="Lower is safer, higher is bolder.")
        top_p: float | None = Field(None, description="Choose among the likeliest.")
        top_k: int | None = Field(None, description="Choose among so many of the likeliest.")
        min_p: float | None = Field(None, description="Leave out what is much less likely.")
        max_copy: int | None = Field(None, description="Copy at most so many characters.")
        seed: int | None = Field(None, description="Same seed, same text.")
        label: str | None = Field(None, description="In the manner of a label.")

    def __init__(self, name: str, folder: Path | None) -> None:
        self.model_id = f"{PREFIX}{name}"
        self.folder = folder
        self._model: LanguageModel | None = None

    def execute(
        self, prompt: Any, stream: bool, response: Any, conversation: Any = None
    ) -> Iterator[str]:
        """Write on from a prompt."""
        try:
            if self._model is None:
                self._model = base_model() if self.folder is None else load(self.folder)
            settings = prompt.options.model_dump()
            pieces = self._model.stream(prompt.prompt or "", **settings)
            yield from pieces if stream else ["".join(pieces)]
        except CharloomError as error:
            raise llm.ModelError(str(error)) from None
