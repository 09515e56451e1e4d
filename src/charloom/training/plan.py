"""What a text's size and the time allow: network, batch and dropout, in one table."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from charloom.model.shape import MOST_LAYERS, MOST_UNITS, NetworkShape
from charloom.text import SettingError, check_dropout, check_whole

SMALLEST_SPLIT = 1000  # characters; a text this small has too little to hold any out


@dataclass(frozen=True)
class Plan:
    """How a network is trained.

    Args:
        units: of each LSTM layer.
        layers: the number of LSTM layers.
        batch: parallel streams that the text is cut into.
        steps: characters that gradients reach back over.
        dropout: the share of an LSTM layer's outputs dropped.
        learning_rate: Adam's, at its highest.
        epochs: passes over the text; None leaves it to the clock.
        weight_decay: the share of the learning rate by which weights shrink in a step.
    """

    units: int
    layers: int
    batch: int
    steps: int
    dropout: float
    learning_rate: float
    epochs: int | None = None
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        check_whole("units", self.units, 1, MOST_UNITS)
        check_whole("layers", self.layers, 1, MOST_LAYERS)
        check_whole("batch", self.batch, 1, 4096)
        check_whole("steps", self.steps, 1, 4096)
        if self.epochs is not None:
            check_whole("epochs", self.epochs, 1, 10**6)
        check_dropout(self.dropout)
        if not (math.isfinite(self.learning_rate) and 0 < self.learning_rate <= 1):
            raise SettingError(
                f"learning rate must be over 0 and at most 1, not {self.learning_rate}."
            )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


# Characters at most, minutes at most, then the plan. Measured on two AVX2 cores in
# float32 (about half the speed of cores with bfloat16), in bits per character held out:
#
#   the 1,860-character monologue, 2 minutes: 64 units at 1.5e-3 3.40, 128 at 2e-3 3.43,
#     128 at 4e-3 3.77: a small text is known by heart before a high rate has settled.
#   10 KB of Othello: 192 units, dropout 0.5 at 2e-3 3.16, dropout 0.4 at 4e-3 3.23,
#     256 units at 4e-3 3.25.
#   40 KB of it: 256 units at 4e-3 2.62, 320 at 3e-3 2.67.
#   All 150 KB: 256 units, dropout 0.4 at 6e-3 2.109, 384 with 0.5 at 4e-3 2.107 and half
#     as fast to write with, 320 with 0.3 at 6e-3 2.141.
#   Tiny Shakespeare, 1.8 minutes: 320 units at 8e-3 with dropout 0 2.116, 0.05 2.111,
#     0.1 2.120; at 1e-2 2.130. With dropout 0.05, 8e-3 gave 2.117, 2.122 and once 2.142,
#     6e-3 2.119, 2.115 and 2.122: no better, but steadier. A bare loop of the same, each at
#     its best rate, in nats: batch 16 with 256 units 1.470, 320 1.457, 384 1.466, 512 1.527;
#     batch 32 with 512 1.570. What counts in so short a time is the number of steps.
#   The same text, 10 minutes, in nats: without weight decay 1.442, memory mixed in 1.379; with
#     0.05 1.418 and 1.368. In 1.8 minutes it is worth 0.007 (benchmarks/ablation.py).
_TABLE: tuple[tuple[float, float, Plan], ...] = (
    (5e3, math.inf, Plan(64, 1, 4, 32, 0.5, 1.5e-3)),
    (2e4, math.inf, Plan(192, 1, 4, 64, 0.5, 2e-3)),
    (1e5, math.inf, Plan(256, 1, 8, 64, 0.5, 4e-3)),
    (5e5, math.inf, Plan(256, 1, 16, 64, 0.4, 6e-3)),
    (math.inf, 1, Plan(256, 1, 16, 64, 0.0, 8e-3)),
    (math.inf, 4, Plan(320, 1, 16, 64, 0.05, 6e-3, weight_decay=0.05)),
    (math.inf, math.inf, Plan(512, 1, 16, 64, 0.25, 4e-3, weight_decay=0.05)),
)


def choose_plan(characters: int, minutes: float) -> Plan:
    """The plan for a text of `characters` to train on for `minutes`."""
    for most, longest, plan in _TABLE:
        if characters <= most and minutes <= longest:
            return plan
    raise AssertionError("the table's last row takes everything")


# For a network that can read already: lower rates, so that it does not forget. Othello's 151 KB
# from the base model, in bits after 0.5 and 1.5 minutes: dropout 0.1 at 2e-3 1.862 and 1.848, 0.2
# at 1.5e-3 1.835 and 1.829, 0.3 at 1e-3 1.852 and 1.832.
_TUNING = (16, 64, 0.2, 1.5e-3)


def tuning_plan(plan: Plan, shape: NetworkShape, learning_rate: float | None) -> Plan:
    """A plan for training on from a network of this shape."""
    batch, steps, dropout, rate = _TUNING
    rate = rate if learning_rate is None else learning_rate
    return Plan(shape.units, shape.layers, batch, steps, dropout, rate, plan.epochs)


def fit_to_text(plan: Plan, ids: int, processes: int = 1) -> Plan:
    """The same plan with batch and steps cut down to what a text of `ids` can fill.

    Args:
        plan: its batch is that of each process.
        ids: of the text.
        processes: that train together; the batch that comes back is that of all.

    Raises:
        SettingError: if the text has not a stream for each process.
    """
    steps = min(plan.steps, max(1, (ids - 1) // 2))
    batch = max(1, min(plan.batch * processes, ids // (2 * steps)))
    if batch < processes:
        raise SettingError(f"This text is too short for {processes} processes; take one.")
    return replace(plan, steps=steps, batch=batch // processes * processes)


def warm_up_and_decay(progress: float) -> float:
    """The learning rate's share of its highest, as training goes from 0 to 1.

    Up over the first 2 %, then down in a straight line to nothing.
    """
    return max(0.0, min(1.0, progress / 0.02, 1.0 - progress))
