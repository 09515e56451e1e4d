"""Which bytes may come next so that a text of bytes is always whole UTF-8.

The states and transitions are those of the Unicode standard's table 3-7
("Well-Formed UTF-8 Byte Sequences", Unicode 15, chapter 3.9).
"""

from __future__ import annotations

import numpy as np

WHOLE = 0  # between characters

# (state, first byte, last byte, next state): states 1 to 3 await so many ordinary
# continuation bytes; 4 to 7 await a first one of a narrower range.
_RULES = (
    (0, 0x00, 0x7F, 0),
    (0, 0xC2, 0xDF, 1),
    (0, 0xE0, 0xE0, 4),
    (0, 0xE1, 0xEC, 2),
    (0, 0xED, 0xED, 5),
    (0, 0xEE, 0xEF, 2),
    (0, 0xF0, 0xF0, 6),
    (0, 0xF1, 0xF3, 3),
    (0, 0xF4, 0xF4, 7),
    (1, 0x80, 0xBF, 0),
    (2, 0x80, 0xBF, 1),
    (3, 0x80, 0xBF, 2),
    (4, 0xA0, 0xBF, 1),
    (5, 0x80, 0x9F, 1),
    (6, 0x90, 0xBF, 2),
    (7, 0x80, 0x8F, 2),
)

# next state by state and byte; -1 where the byte may not come.
NEXT = np.full((8, 256), -1, np.int64)
for _state, _first, _last, _next in _RULES:
    NEXT[_state, _first : _last + 1] = _next
ALLOWED = NEXT >= 0


def allowed(writable_V: np.ndarray, states_B: np.ndarray) -> np.ndarray:
    """Which ids may be written next, of those in `writable_V`; shape (B, V).

    Ids from 256 on (the end of a text) may not come inside a character.
    """
    allowed_BxV = np.repeat(writable_V[None], len(states_B), 0)
    allowed_BxV[:, :256] &= ALLOWED[states_B]
    allowed_BxV[states_B != WHOLE, 256:] = False
    return allowed_BxV


def state_after(data: bytes) -> int:
    """The state after some bytes; broken sequences start afresh."""
    state = WHOLE
    for byte in data:
        following = int(NEXT[state, byte])
        state = following if following >= 0 else max(0, int(NEXT[WHOLE, byte]))
    return state
