"""A model as one web page that works by double click: nothing is loaded, nothing is sent.

Weights are in half precision, as base64. The page's scripts compute what the NumPy engine
computes, and draw with the same random numbers.
"""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path
from string import Template

from charloom.model import ModelData, write_atomically
from charloom.text import STAND_INS

from .base import embeddings_of

PAGE = Path(__file__).with_name("page")
SCRIPTS = ("lanes.js", "model.js", "sampler.js", "page.js")


def write_html(data: ModelData, path: Path, name: str) -> None:
    """Write the page."""
    write_atomically(path, page(data, name).encode("utf-8"))


def page(data: ModelData, name: str) -> str:
    """The page of a model whose weights are in half precision."""
    weights = {**data.weights, "embedding.embeddings": embeddings_of(data)}
    shape = data.shape.tensors()
    shape.pop("labels.embeddings", None)
    about = {
        "network": data.shape.to_dict(),
        "vocabulary": json.loads(data.vocabulary.to_json()),
        "opening": data.opening,
        "tensors": list(shape.items()),
        "stand_ins": STAND_INS,
    }
    content = b"".join(weights[label].astype("<f2").tobytes() for label in shape)
    text = data.text
    learned = f"{text['characters']:,} characters" if "characters" in text else "a text"
    return Template((PAGE / "page.html").read_text("utf-8")).substitute(
        title=html.escape(name),
        about=f"A model made by Charloom. It learned from {learned}, character by character.",
        style=(PAGE / "page.css").read_text("utf-8"),
        # </script> in a string would end the script.
        data=json.dumps(about).replace("<", "\\u003c"),
        weights=base64.b64encode(content).decode("ascii"),
        script="\n".join((PAGE / script).read_text("utf-8") for script in SCRIPTS),
    )
