"""What Prometheus is told of predictions, kept in plain numbers that cost a request almost nothing."""

import time
from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from api.predictions.batching import MOST_IMAGES, Tally
from api.predictions.questions import Question
from api.predictions.sessions import Sessions

_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds
_SIZES = (1, 2, 4, 8, MOST_IMAGES)
_KINDS = ("predict", "distill")


class Latencies:
    """A histogram of seconds."""

    def __init__(self) -> None:
        self.counts = [0] * (len(_BOUNDS) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(_BOUNDS, seconds)] += 1
        self.total += seconds


class Metrics:
    """The numbers of one process, all written on its event loop."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        self.tally = Tally()
        self.latencies = {kind: Latencies() for kind in _KINDS}
        self.images: dict[str, int] = {}  # by box

    def answered(self, questions: list[Question]) -> None:
        """Count requests of one box that have just been answered."""
        now, images = time.perf_counter(), 0
        for question in questions:
            self.latencies[question.ticket.kind].add(now - question.started)
            images += len(question.images)
        box_id = questions[0].ticket.standing.box.id
        self.images[box_id] = self.images.get(box_id, 0) + images


class PredictionCollector(Collector):
    """`Metrics` in the form of Prometheus; with `boxes`, also the images of each box."""

    def __init__(self, metrics: Metrics, *, boxes: bool) -> None:
        self._metrics, self._boxes = metrics, boxes

    def collect(self) -> Iterable[Metric]:
        """Latencies, batches, the queue, boxes in memory and images."""
        metrics = self._metrics
        yield self._latency()
        yield self._batches()
        yield CounterMetricFamily(
            "sdb_model_seconds", "Processor time that boxes took to answer.", value=metrics.tally.seconds
        )
        yield GaugeMetricFamily("sdb_images_waiting", "Images in the queues of all boxes.", value=metrics.tally.waiting)
        sessions = metrics.sessions
        yield GaugeMetricFamily("sdb_boxes_loaded", "Boxes in memory.", value=len(sessions))
        yield GaugeMetricFamily("sdb_boxes_loaded_bytes", "The memory they take, about.", value=sessions.used)
        provider = GaugeMetricFamily("sdb_onnx_provider", "What boxes run on in this process.", labels=["provider"])
        provider.add_metric([sessions.provider], 1)
        yield provider
        looks = CounterMetricFamily(
            "sdb_box_lookups", "Whether a box was in memory when it was asked.", labels=["found"]
        )
        looks.add_metric(["yes"], sessions.hits)
        looks.add_metric(["no"], sessions.misses)
        yield looks
        images = CounterMetricFamily("sdb_images", "Images answered.", labels=["box"] if self._boxes else None)
        if self._boxes:
            for box_id, count in list(metrics.images.items()):
                images.add_metric([box_id], count)
        else:
            images.add_metric([], sum(list(metrics.images.values())))
        yield images

    def _latency(self) -> Metric:
        found = HistogramMetricFamily(
            "sdb_prediction_seconds", "From a whole body to its answer, of good answers.", labels=["kind"]
        )
        bounds = [*map(str, _BOUNDS), "+Inf"]
        for kind, latencies in self._metrics.latencies.items():
            cumulative = accumulate(latencies.counts)
            found.add_metric([kind], list(zip(bounds, cumulative, strict=True)), latencies.total)
        return found

    def _batches(self) -> Metric:
        sizes = self._metrics.tally.sizes
        found = HistogramMetricFamily("sdb_batch_images", "Images in the batches that ran.")
        buckets = [(str(bound), sum(sizes[: bound + 1])) for bound in _SIZES]
        total = sum(size * count for size, count in enumerate(sizes))
        found.add_metric([], [*buckets, ("+Inf", sum(sizes))], total)
        return found
