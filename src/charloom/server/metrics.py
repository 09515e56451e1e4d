"""What a server counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .batcher import Batcher

TIMES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120)  # seconds


class Metrics:
    """Counters of one server, in a registry of their own.

    Args:
        batchers: by the model's id.
    """

    def __init__(self, batchers: Mapping[str, Batcher]) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.registry.register(_Batchers(batchers))
        self.requests = Counter(
            "charloom_requests", "Requests answered.", ["path", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "charloom_request_seconds",
            "From a request to the end of its answer.",
            ["path"],
            buckets=TIMES,
            registry=self.registry,
        )
        self.first = Histogram(
            "charloom_first_character_seconds",
            "From a request for a stream to its first character.",
            buckets=TIMES,
            registry=self.registry,
        )

    def text(self) -> bytes:
        """All of them in Prometheus' text format."""
        return generate_latest(self.registry)


class _Batchers(Collector):
    """What the batchers count themselves, read when it is asked for."""

    def __init__(self, batchers: Mapping[str, Batcher]) -> None:
        self.batchers = batchers

    def collect(self) -> Iterable[Metric]:
        running = GaugeMetricFamily(
            "charloom_texts_running", "Texts being read or written.", labels=["model"]
        )
        waiting = GaugeMetricFamily("charloom_texts_waiting", "Texts waiting.", labels=["model"])
        read = CounterMetricFamily(
            "charloom_prompt_ids", "Ids of prompts that were read.", labels=["model"]
        )
        written = CounterMetricFamily("charloom_ids", "Ids that were written.", labels=["model"])
        steps = CounterMetricFamily("charloom_steps", "Steps of the batch.", labels=["model"])
        ended = CounterMetricFamily(
            "charloom_texts",
            "Texts that ended: by themselves (stop), at their length, left by their reader, "
            "or by an error.",
            labels=["model", "ending"],
        )
        for model, batcher in self.batchers.items():
            running.add_metric([model], batcher.running)
            waiting.add_metric([model], batcher.waiting)
            ids_read, ids_written = batcher.counts()
            read.add_metric([model], ids_read)
            written.add_metric([model], ids_written)
            steps.add_metric([model], batcher.steps)
            for ending, count in dict(batcher.ended).items():
                ended.add_metric([model, ending], count)
        return [running, waiting, read, written, steps, ended]
