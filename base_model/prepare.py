"""Fetch, dress and mix the texts: python -m base_model.prepare FOLDER

Writes FOLDER/corpus.jsonl, a piece of a document a line in random order, with the
held-out pieces last, and FOLDER/texts.json, which says what went in.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path

from .sources import Document, documents
from .styles import dressed

SEED = 2026
PASSES = 2  # over every text, each time in other dresses
TIMES = {"austen": 2}  # the only fiction counts twice
PIECE = 12_000  # characters in a piece, about
HELD_OUT = 0.012  # of the pieces: in no pass


def main(folder: Path) -> None:
    draw = random.Random(SEED)
    kept: list[str] = []
    held_out: list[str] = []
    facts = {}
    for name, found, digest in documents(folder / "packages"):
        pieces = [piece for document in found for piece in _pieces(document)]
        size = sum(len(paragraph) for piece in pieces for paragraph in piece)
        facts[name] = {"sha256": digest, "documents": len(found), "characters": size}
        for piece in pieces:
            if draw.random() < HELD_OUT:
                held_out.append(dressed(piece, draw))
            else:
                times = PASSES * TIMES.get(name, 1)
                kept += [dressed(piece, draw) for _ in range(times)]
    draw.shuffle(kept)
    draw.shuffle(held_out)
    with open(folder / "corpus.jsonl", "w", encoding="utf-8") as file:
        for text in [*kept, *held_out]:
            file.write(json.dumps({"text": text}) + "\n")
    sizes = [sum(len(text.encode()) + 1 for text in part) for part in (kept, held_out)]
    facts["held_out_share"] = sizes[1] / sum(sizes)
    (folder / "texts.json").write_text(json.dumps(facts, indent=1))
    print(json.dumps(facts, indent=1))


def _pieces(document: Document) -> Iterator[Document]:
    piece: Document = []
    size = 0
    for paragraph in document:
        piece.append(paragraph)
        size += len(paragraph)
        if size >= PIECE:
            yield piece
            piece, size = [], 0
    if size > 200:
        yield piece


if __name__ == "__main__":
    main(Path(sys.argv[1]))
