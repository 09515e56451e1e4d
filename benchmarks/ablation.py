"""What each part of a network is worth in equal time: tiny Shakespeare, from nothing.

python -m benchmarks.ablation TEXT [--minutes 1.8] [--variants NAMES] [--seeds 0]

Every variant is a bare PyTorch loop that differs from the plain one in a single thing, and
trains for so many minutes, scoring not counted. The last column mixes in the memory that
Charloom's models have. Every figure is appended to build/benchmarks/ablation.jsonl.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.machine import describe
from charloom.memory import Memory, build_index, fitted_across
from charloom.scoring import Recalled, recall

RESULTS = Path("build/benchmarks/ablation.jsonl")
SPLIT = 1_003_854  # nanoGPT's: characters that train
SCORED_STREAMS = 12  # the validation part is read in so many streams side by side


@dataclass(frozen=True)
class Variant:
    """The plain network, unless something is said."""

    units: int = 320
    layers: int = 1
    batch: int = 16
    steps: int = 64
    learning_rate: float = 6e-3
    dropout: float = 0.05
    weight_decay: float = 0.0
    input_dropout: float = 0.0
    # Embeddings of the vocabulary serve as the last layer's kernel, behind a projection.
    tied: bool = False
    # One causal head over the last states, added to the LSTM's output (SHA-RNN,
    # Merity 2019, arXiv 1911.11423).
    attention: int = 0
    # The share of recurrent weights dropped in a step (AWD-LSTM, Merity et al. 2017,
    # arXiv 1708.02182).
    weight_drop: float = 0.0
    # Rounds in which input and state gate each other (Melis et al. 2019, arXiv 1909.01792).
    mogrifier: int = 0
    # The share of the run, at its end, over which the weights are averaged; the learning
    # rate then falls to a fifth only.
    averaged: float = 0.0
    # Multiples of `steps` that follow one another (as AWD-LSTM varies its own).
    cycle: tuple[float, ...] = (1.0,)
    # Multiples of `batch`, each for an equal share of the time.
    batches: tuple[float, ...] = (1.0,)


def variants(plain: Variant) -> dict[str, Variant]:
    """All that are compared, by name."""
    return {
        "plain": plain,
        "no dropout": replace(plain, dropout=0.0),
        "more dropout": replace(plain, dropout=plain.dropout + 0.15),
        "dropout of inputs": replace(plain, input_dropout=0.1),
        "weight decay": replace(plain, weight_decay=0.05),
        "tied weights": replace(plain, tied=True),
        "second layer": replace(plain, layers=2),
        "second layer, fewer units": replace(plain, layers=2, units=round(0.66 * plain.units)),
        "attention": replace(plain, attention=256),
        "weight dropping": replace(plain, weight_drop=0.1),
        "mogrifier": replace(plain, mogrifier=4),
        "weight averaging": replace(plain, averaged=0.25),
        "cyclic steps": replace(plain, cycle=(0.5, 1.0, 1.5)),
        "growing batch": replace(plain, batches=(0.5, 1.0, 2.0)),
    }


class Network(nn.Module):
    """A character network with the parts that a variant names."""

    def __init__(self, vocabulary: int, variant: Variant) -> None:
        super().__init__()
        self.variant = variant
        width = 64 if variant.tied or variant.mogrifier else min(variant.units, vocabulary)
        self.embedding = nn.Embedding(vocabulary, width)
        nn.init.uniform_(self.embedding.weight, -0.5, 0.5)
        widths = [width] + [variant.units] * (variant.layers - 1)
        self.kernels = nn.ParameterList(
            nn.init.xavier_uniform_(torch.empty(4 * variant.units, w)) for w in widths
        )
        self.recurrent = nn.ParameterList(
            nn.init.orthogonal_(torch.empty(4 * variant.units, variant.units)) for _ in widths
        )
        self.biases = nn.ParameterList(nn.Parameter(_forgetting(variant.units)) for _ in widths)
        if variant.mogrifier:
            self.to_input = nn.Linear(variant.units, width)
            self.to_state = nn.Linear(width, variant.units)
        if variant.attention:
            self.queries = nn.Linear(variant.units, variant.units, bias=False)
            self.norm = nn.LayerNorm(variant.units)
            self.values = nn.Parameter(torch.zeros(variant.units))
        if variant.tied:
            self.projection = nn.Linear(variant.units, width)
        self.dense = nn.Linear(width if variant.tied else variant.units, vocabulary)
        if variant.tied:
            self.dense.weight = self.embedding.weight

    def initial_state(self, batch: int) -> list[Tensor]:
        """For each layer h and c, and what attention remembers."""
        zeros = [torch.zeros(batch, self.variant.units) for _ in range(2 * self.variant.layers)]
        return [*zeros, torch.zeros(batch, 0, self.variant.units)]

    def forward(self, ids_BxT: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        variant = self.variant
        x_BxTxF = _dropped(self.embedding(ids_BxT), variant.input_dropout, self.training)
        after: list[Tensor] = []
        for number in range(variant.layers):
            h, c = state[2 * number : 2 * number + 2]
            x_BxTxF, h, c = self._layer(number, x_BxTxF, h, c)
            x_BxTxF = _dropped(x_BxTxF, variant.dropout, self.training)
            after += [h, c]
        remembered = state[-1]
        if variant.attention:
            x_BxTxF, remembered = self._attend(x_BxTxF, remembered)
        if variant.tied:
            x_BxTxF = self.projection(x_BxTxF)
        return self.dense(x_BxTxF), [*after, remembered]

    def _layer(
        self, number: int, x_BxTxF: Tensor, h: Tensor, c: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        variant = self.variant
        recurrent = self.recurrent[number]
        if variant.weight_drop:
            recurrent = functional.dropout(recurrent, variant.weight_drop, self.training)
        if variant.mogrifier and number == 0:
            return self._mogrified(x_BxTxF, h, c, recurrent)
        bias = self.biases[number]
        weights = [self.kernels[number], recurrent, bias, torch.zeros_like(bias)]
        states = (h.unsqueeze(0), c.unsqueeze(0))
        y, h, c = torch._VF.lstm(  # pyright: ignore[reportAttributeAccessIssue]
            x_BxTxF.transpose(0, 1).contiguous(),
            states,
            weights,
            True,
            1,
            0.0,
            torch.is_grad_enabled(),
            False,
            False,
        )
        return y.transpose(0, 1), h[0], c[0]

    def _mogrified(
        self, x_BxTxF: Tensor, h: Tensor, c: Tensor, recurrent: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        outputs = []
        for x in x_BxTxF.unbind(1):
            for turn in range(self.variant.mogrifier):
                if turn % 2 == 0:
                    x = 2 * torch.sigmoid(self.to_input(h)) * x
                else:
                    h = 2 * torch.sigmoid(self.to_state(x)) * h
            gates = functional.linear(x, self.kernels[0], self.biases[0])
            i, f, g, o = (gates + functional.linear(h, recurrent)).chunk(4, -1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs, 1), h, c

    def _attend(self, h_BxTxH: Tensor, remembered_BxMxH: Tensor) -> tuple[Tensor, Tensor]:
        known = torch.cat([remembered_BxMxH, h_BxTxH], 1)
        steps, memory = h_BxTxH.shape[1], remembered_BxMxH.shape[1]
        keys = self.norm(known)
        seen = torch.ones(steps, known.shape[1], dtype=torch.bool).tril(memory)
        found = functional.scaled_dot_product_attention(
            self.queries(self.norm(h_BxTxH)), keys, keys * self.values, attn_mask=seen
        )
        return h_BxTxH + found, known[:, -self.variant.attention :].detach()


def _forgetting(units: int) -> Tensor:
    """A bias that keeps the cell's state at first."""
    bias = torch.zeros(4 * units)
    bias[units : 2 * units] = 1.0
    return bias


def _dropped(x_BxTxF: Tensor, share: float, training: bool) -> Tensor:
    """One mask for all of a stream's steps, as Charloom's network has it."""
    if not training or not share:
        return x_BxTxF
    return x_BxTxF * functional.dropout(x_BxTxF.new_ones(x_BxTxF[:, :1].shape), share)


def trained(
    variant: Variant, ids: np.ndarray, vocabulary: int, seconds: float, seed: int
) -> tuple[Network, int]:
    """A network that learned for so long, and the characters it saw."""
    torch.manual_seed(seed)
    network = Network(vocabulary, variant)
    counts = np.bincount(ids, minlength=vocabulary) + 0.5
    network.dense.bias.data.copy_(torch.from_numpy(np.log(counts / counts.sum())))
    parameters = list(network.parameters())
    decay = variant.weight_decay
    optimizer = torch.optim.AdamW(parameters, fused=True, weight_decay=decay)
    average = [p.detach().clone() for p in parameters]
    averaged = seen = 0
    begun = time.perf_counter()

    def done() -> float:
        return min(1.0, (time.perf_counter() - begun) / seconds)

    last = 1 / 5 if variant.averaged else 0.0
    for x_BxT, y_BxT, is_new in _batches(variant, ids, seed, done):
        if is_new:
            state = network.initial_state(len(x_BxT))
        logits, after = network(x_BxT, state)
        loss = functional.cross_entropy(logits.flatten(0, 1), y_BxT.flatten())
        state = [part.detach() for part in after]
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        share = min(done() / 0.02, last + (1 - last) * (1 - done()))
        optimizer.param_groups[0]["lr"] = variant.learning_rate * max(share, 1e-4)
        optimizer.step()
        seen += y_BxT.numel()
        if done() > 1 - variant.averaged:
            averaged += 1
            with torch.no_grad():
                torch._foreach_lerp_(average, parameters, 1 / averaged)
        if done() >= 1:
            break
    if variant.averaged:
        for p, mean in zip(parameters, average, strict=True):
            p.data.copy_(mean)
    return network.eval(), seen


def _batches(
    variant: Variant, ids: np.ndarray, seed: int, done: Callable[[], float]
) -> Iterator[tuple[Tensor, Tensor, bool]]:
    """Ids, those after them, and whether the streams begin anew."""
    draw = np.random.default_rng(seed)
    while True:
        stage = _stage(variant, done())
        batch = round(variant.batch * variant.batches[stage])
        length = (len(ids) - 1) // batch
        turned = np.roll(ids, -int(draw.integers(len(ids))))
        x, y = (torch.from_numpy(turned[k : k + batch * length].reshape(batch, -1)) for k in (0, 1))
        at = turn = 0
        while at < length:
            steps = round(variant.steps * variant.cycle[turn % len(variant.cycle)])
            yield x[:, at : at + steps], y[:, at : at + steps], at == 0
            at, turn = at + steps, turn + 1
            if _stage(variant, done()) != stage:
                break


def _stage(variant: Variant, done: float) -> int:
    return min(int(done * len(variant.batches)), len(variant.batches) - 1)


def expected(network: Network, ids: np.ndarray, before: int) -> np.ndarray:
    """Logarithms of what is expected before every id, shape (T, V)."""
    length = -(-len(ids) // SCORED_STREAMS)
    x = np.concatenate([[before], ids[:-1]])
    x_BxT = np.pad(x, (0, SCORED_STREAMS * length - len(ids))).reshape(SCORED_STREAMS, -1)
    state, parts = network.initial_state(SCORED_STREAMS), []
    with torch.no_grad():
        for start in range(0, length, 128):
            logits, state = network(torch.from_numpy(x_BxT[:, start : start + 128]), state)
            parts.append(torch.log_softmax(logits, -1))
    logp = torch.cat(parts, 1).flatten(0, 1)
    return logp[: len(ids)].numpy()


def measure(
    variant: Variant,
    parts: tuple[np.ndarray, np.ndarray],
    recalled: Recalled,
    minutes: float,
    seed: int,
) -> dict[str, float]:
    """A variant's figures, in nats per character."""
    train, held_out = parts
    vocabulary = recalled.logp_TxV.shape[1]
    network, seen = trained(variant, train, vocabulary, 60 * minutes, seed)
    logp_TxV = expected(network, held_out, int(train[-1]))
    nats = -float(logp_TxV[np.arange(len(held_out)), held_out].mean())
    _, mixed = fitted_across(recalled.beside(logp_TxV, held_out))
    parameters = sum(p.numel() for p in network.parameters())
    return {
        "nats": nats,
        "with_memory": float(mixed.mean()),
        "characters_per_second": seen / (60 * minutes),
        "parameters": parameters,
    }


def main(
    path: Path,
    minutes: float = 1.8,
    names: Sequence[str] = (),
    seeds: Sequence[int] = (0,),
    plain: Variant | None = None,
) -> list[str]:
    """Measure each variant; returns the lines of a table."""
    text = path.read_text("utf-8")
    symbols = sorted(set(text))
    numbers = {symbol: number for number, symbol in enumerate(symbols)}
    ids = np.array([numbers[symbol] for symbol in text], np.int64)
    train, held_out = ids[:SPLIT], ids[SPLIT:]
    memory = Memory(build_index(train), len(symbols))
    recalled = recall(memory, held_out, train[-1:])
    rows = ["| variant | nats per character | with the memory | characters/s | parameters |"]
    rows.append("|---|---|---|---|---|")
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    known = variants(plain or Variant())
    for name in names or known:
        for seed in seeds:
            found = measure(known[name], (train, held_out), recalled, minutes, seed)
            line = {"name": name, "minutes": minutes, "seed": seed, **found}
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write(json.dumps({**line, **asdict(known[name])}) + "\n")
            rows.append(
                f"| {name} | {found['nats']:.4f} | {found['with_memory']:.4f} "
                f"| {found['characters_per_second']:,.0f} | {found['parameters']:,} |"
            )
            print(rows[-1], flush=True)
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ablation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("text", type=Path)
    parser.add_argument("--minutes", type=float, default=1.8)
    parser.add_argument("--variants", default="", help="names with commas between; all of them")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--plain", default="{}", help="JSON: what the plain network is, too")
    options = parser.parse_args()
    print(describe())
    main(
        options.text,
        options.minutes,
        [name for name in options.variants.split(",") if name],
        [int(seed) for seed in options.seeds.split(",")],
        Variant(**json.loads(options.plain)),
    )
