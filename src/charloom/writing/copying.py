"""A limit to what is copied from the training text, kept exactly while a text is written.

Once the last N characters written stand somewhere in the training text, in this order, none
of the characters that follow them there may come next. So no N + 1 characters in a row are
ever copied, and as any other character may come, writing goes on.

A limit met in the middle of a word would leave half of it before another. So a copy that has
come within EARLY characters of the limit (and has half its length at least) is left where
the next word of it would begin.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from charloom.memory import WIDTH, Index, Search
from charloom.model import ModelData
from charloom.text import SettingError

from . import utf8

LEAST = 4  # characters; nearly every run of three occurs in any text
EARLY = 12  # characters: longer than most words


class CopyLimit:
    """The most characters in a row that a model may copy from its training text.

    Args:
        model: has a memory, which holds the text (of a large one the end; see
            `charloom.memory.MOST_REMEMBERED`).
        most: characters.
        search: of the model's memory, where it is at hand already.

    Raises:
        SettingError: if the model has no memory.
    """

    def __init__(self, model: ModelData, most: int, search: Search | None = None) -> None:
        self.search = search or Search(remembered(model))
        self.vocabulary, self.most = model.vocabulary, most
        self.early = max(most - EARLY + 1, (most + 1) // 2)
        # Matches are only looked for at this length. Where there is none, none can reach
        # `early` for so many characters: most of writing costs nothing.
        self.half = max(1, self.early // 2)
        self.free = self.early - self.half + 1


def remembered(model: ModelData) -> Index:
    """The training text that a model keeps.

    Raises:
        SettingError: if it keeps none.
    """
    if model.memory is None:
        raise SettingError(
            "This model does not keep its training text, so copies cannot be found; "
            "train one without --no-memory."
        )
    return model.memory


class Copying:
    """What the end of one text has in common with the training text.

    Args:
        limit: shared by all texts that are written.
        prompt_ids: what the text goes on from; its end counts, as it may be gone on with.
    """

    def __init__(self, limit: CopyLimit, prompt_ids: np.ndarray) -> None:
        self.limit = limit
        self.is_bytes = limit.vocabulary.kind == "bytes"
        self.characters: deque[bytes] = deque(maxlen=limit.most)  # the last ones, as `Search` has
        self.free = 0  # so many characters more there can be no long match
        self.symbol = ""  # the last character
        self.wide = [False, False]  # whether each of the last two letters took several bytes
        self.partial, self.raw, self.state = b"", bytearray(), utf8.WHOLE
        for number in prompt_ids[-4 * limit.most :].tolist():
            self.add(number)

    def add(self, number: int) -> None:
        """Take an id of the text."""
        vocabulary = self.limit.vocabulary
        if number in (vocabulary.unknown, vocabulary.end):
            self._break()
            return
        if not self.is_bytes:
            self.symbol = chr(vocabulary.symbols[number])
        else:
            self.state = int(utf8.NEXT[self.state, number])
            if self.state < 0:  # a prompt's cut start
                self._break()
                return
            self.raw.append(number)
        self.partial += number.to_bytes(WIDTH, "big")
        if self.state != utf8.WHOLE:
            return
        if self.is_bytes:
            self.symbol = self.raw.decode("utf-8")
        if self.symbol.isalnum():
            self.wide = [self.wide[1], len(self.partial) > WIDTH]
        self.characters.append(self.partial)
        self.free -= 1
        self._begin_character()

    def allowed(self, allowed_V: np.ndarray) -> np.ndarray:
        """Which ids of `allowed_V` may come next; none, where the text cannot go on."""
        if self.free > 0:
            return allowed_V
        limit = self.limit
        if not self._matches(limit.half):
            self.free = limit.free
            return allowed_V
        if self.symbol.isspace():  # a word may begin here
            narrowed_V = self._without(limit.early, allowed_V, begins_word=True)
            # Better half a word than nothing but an end.
            narrowed_V &= self._without(limit.most, allowed_V)
            if self._goes_on(narrowed_V):
                return narrowed_V
        return self._without(limit.most, allowed_V)

    def _matches(self, count: int) -> bool:
        """Whether the last `count` characters stand in the training text."""
        return len(self.characters) >= count and self.limit.search.occurs(self._last(count))

    def _without(self, count: int, allowed_V: np.ndarray, begins_word: bool = False) -> np.ndarray:
        """What is allowed, less what follows the last `count` characters in the training text."""
        allowed_V = allowed_V.copy()
        if len(self.characters) < count:
            return allowed_V
        followers = np.unique(self.limit.search.followers(self._last(count)))
        if self.is_bytes:
            followers = followers[[self._decides(int(byte)) for byte in followers]]
        if begins_word:
            followers = followers[[not self._is_space(int(number)) for number in followers]]
        end = self.limit.vocabulary.end  # to end a text is not to copy
        allowed_V[followers if end is None else followers[followers != end]] = False
        return allowed_V

    def _decides(self, byte: int) -> bool:
        """Whether a character is refused at this byte of its own.

        Its last byte decides where the text is of wide characters, as in Cyrillic: one
        first byte stands for half the alphabet there. Elsewhere its first byte does, as
        the character would else become an odd one that shares it (“è” for “é”).
        """
        if byte > 0xFF:
            return False
        if self.state == utf8.WHOLE and byte >= 0x80:
            return not all(self.wide)
        return utf8.NEXT[self.state, byte] == utf8.WHOLE

    def _is_space(self, number: int) -> bool:
        if self.is_bytes:
            return self.state == utf8.WHOLE and chr(number) in " \n\t"
        vocabulary = self.limit.vocabulary
        return number < len(vocabulary.symbols) and chr(vocabulary.symbols[number]).isspace()

    def _goes_on(self, allowed_V: np.ndarray) -> bool:
        """Whether there is more to write than an end."""
        end = self.limit.vocabulary.end
        return bool(allowed_V[:end].any())

    def _last(self, count: int) -> bytes:
        first = len(self.characters) - count
        return b"".join([c for n, c in enumerate(self.characters) if n >= first]) + self.partial

    def _begin_character(self) -> None:
        self.partial, self.raw, self.state = b"", bytearray(), utf8.WHOLE

    def _break(self) -> None:
        """What came before is followed by nothing that could be copied."""
        self.characters.clear()
        self.free = 0
        self._begin_character()
