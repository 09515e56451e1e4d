"""How much of a text is copied from the training text, beside what any text shares with it.

A copied span is a run of characters that stands somewhere in the training text; each is as
long as it can be. Two texts of one author share spans as well, so the figures only tell
something beside those of a text that was held out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from charloom.memory import WIDTH, Index, Search
from charloom.model import ModelData
from charloom.text import END, Vocabulary
from charloom.writing import Request, Sampling, engine_of, stream

SHOWN = 3  # of the longest copies
CONTEXT = 40  # characters shown on both sides of a copy's source
# What is measured when training ends: about a second's writing.
TEXTS, LENGTH, TEMPERATURE = 20, 300, 0.8


@dataclass(frozen=True)
class Copy:
    """A copied span and its source.

    Args:
        text: the span.
        position: where it first stands in the text that the model keeps, in characters.
        before, after: what stands around it there.
    """

    text: str
    position: int
    before: str
    after: str


@dataclass(frozen=True)
class Originality:
    """What of a text stands in the training text too.

    Args:
        characters: all that were looked at.
        longest: characters of the longest copied span.
        share_20, share_40, share_80: the share of characters inside copied spans of so
            many characters or more.
        copies: the longest few spans.
    """

    characters: int
    longest: int
    share_20: float
    share_40: float
    share_80: float
    copies: tuple[Copy, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """What `charloom originality --json` prints."""
        return asdict(self)


def originality_of(index: Index, vocabulary: Vocabulary, texts: Sequence[str]) -> Originality:
    """Compare texts with an indexed one, exactly.

    Args:
        index: the training text.
        vocabulary: that its ids are of.
        texts: each on its own; no span reaches from one into the next.
    """
    search = Search(index)
    texts = [part for text in texts for part in text.split(END)]
    found = [_spans(search, vocabulary, text) for text in texts]
    sizes_N = np.concatenate([np.zeros(0, np.int64), *(sizes for sizes, _ in found)])
    # A span never reaches past its own text, so all can be laid end to end.
    total = len(sizes_N)
    share_20, share_40, share_80 = (
        _covered(sizes_N, least) / max(1, total) for least in (20, 40, 80)
    )
    copies = _copies(index, vocabulary, texts, found)
    longest = int(sizes_N.max(initial=0))
    return Originality(total, longest, share_20, share_40, share_80, copies)


def excerpts(text: str, count: int, length: int) -> list[str]:
    """Up to `count` parts of a text, evenly spread, of `length` characters where it has them."""
    parts = [
        part[start : start + length]
        for part in text.split(END)
        for start in range(0, len(part), length)
    ]
    # The last of a text is mostly short: only texts that are short themselves count so.
    whole = [part for part in parts if len(part) == length] or parts
    return [whole[k * len(whole) // count] for k in range(count)] if len(whole) > count else whole


def originality_scores(
    data: ModelData, reference: str | None = None, index: Index | None = None
) -> dict[str, Any]:
    """What a model's card says of its originality, in about a second.

    Args:
        data: the model.
        reference: text of the same kind that `index` does not hold, END between texts.
        index: what is compared with; by default the model's memory. The model writes with
            it for a memory, if it has one.

    Returns:
        `temperature`, `texts`, what `Originality` has but the copies, and the same of as
        much of the reference under `reference` (or None); empty without an index.
    """
    if index is None:
        index = data.memory
    if index is None:
        return {}
    if data.memory is not None:
        data = replace(data, memory=index)
    request = Request(length=LENGTH, count=TEXTS, seed=0, sampling=Sampling(TEMPERATURE))
    texts = [""] * TEXTS
    for number, piece in stream(engine_of(data), data, request):
        texts[number] += piece
    measured = {"temperature": TEMPERATURE, "texts": TEXTS, **_figures(data, index, texts)}
    parts = excerpts(reference or "", TEXTS, LENGTH)
    return {**measured, "reference": _figures(data, index, parts) if any(parts) else None}


def _figures(data: ModelData, index: Index, texts: Sequence[str]) -> dict[str, Any]:
    figures = originality_of(index, data.vocabulary, texts).to_dict()
    del figures["copies"]
    return figures


def _spans(search: Search, vocabulary: Vocabulary, text: str) -> tuple[np.ndarray, np.ndarray]:
    """For every character of a text, the longest span that begins there, and its source.

    Returns:
        sizes_N: in characters.
        places_N: of ids in the training text.
    """
    ids, _ = vocabulary.encode(text)
    if vocabulary.kind == "bytes":  # where each character begins, and the end
        begins = np.append(np.flatnonzero(ids & 0xC0 != 0x80), len(ids))
    else:
        begins = np.arange(len(ids) + 1)
    # What the model does not know stands nowhere in its text.
    breaks = np.append(np.flatnonzero(ids == vocabulary.unknown), len(ids))
    stops = breaks[np.searchsorted(breaks, begins[:-1])]
    data = search.encode(ids)
    sizes, places = [0] * len(stops), [0] * len(stops)
    for n, (start, stop) in enumerate(zip(begins[:-1].tolist(), stops.tolist(), strict=True)):
        sizes[n], places[n] = search.longest(data[start * WIDTH : stop * WIDTH])
    # Whole characters only.
    ends = np.searchsorted(begins, begins[:-1] + np.array(sizes, np.int64), "right") - 1
    return ends - np.arange(len(ends)), np.array(places, np.int64)


def _covered(sizes_N: np.ndarray, least: int) -> int:
    """How many characters lie in spans of at least so many."""
    starts = np.flatnonzero(sizes_N >= least)
    steps = np.zeros(len(sizes_N) + 1, np.int64)
    np.add.at(steps, starts, 1)
    np.add.at(steps, starts + sizes_N[starts], -1)
    return int((np.cumsum(steps) > 0).sum())


def _copies(
    index: Index,
    vocabulary: Vocabulary,
    texts: Sequence[str],
    found: Sequence[tuple[np.ndarray, np.ndarray]],
) -> tuple[Copy, ...]:
    """The longest spans, none part of another."""
    # A span that is the rest of the one before it is left out at once.
    spans = [
        (int(sizes_N[at]), -number, -int(at))
        for number, (sizes_N, _) in enumerate(found)
        for at in np.flatnonzero(sizes_N > np.append(0, sizes_N[:-1] - 1))
    ]
    chosen: list[Copy] = []
    for size, number, at in sorted(spans, reverse=True):
        if len(chosen) == SHOWN:
            break
        text = texts[-number][-at : -at + size]
        if not any(text in copy.text for copy in chosen):
            place = int(found[-number][1][-at])
            chosen.append(_copy(index, vocabulary, text, place))
    return tuple(chosen)


def _copy(index: Index, vocabulary: Vocabulary, text: str, place: int) -> Copy:
    ids = index.ids.astype(np.int64)
    stop = place + len(vocabulary.encode(text)[0])
    reach = 4 * CONTEXT if vocabulary.kind == "bytes" else CONTEXT
    return Copy(
        text,
        vocabulary.count_characters(ids[:place]),
        vocabulary.decode(ids[max(0, place - reach) : place])[-CONTEXT:],
        vocabulary.decode(ids[stop : stop + reach])[:CONTEXT],
    )
