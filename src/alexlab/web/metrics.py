"""Prometheus metrics of a service."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
SIZES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """What is counted, in a registry of its own: several services in a process do not mix."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "alexlab_requests", "Requests by route and status.", ["route", "status"], registry=self._registry
        )
        self.errors = Counter(
            "alexlab_errors", "Requests and images refused, by kind.", ["kind"], registry=self._registry
        )
        self.queue = Gauge(
            "alexlab_queue_images", "Images that wait or are computed.", ["model"], registry=self._registry
        )
        self.batches = Histogram(
            "alexlab_batch_images", "Images answered at once.", ["model"], buckets=SIZES, registry=self._registry
        )
        self.seconds = Histogram(
            "alexlab_request_seconds",
            "From a request's head to its answer.",
            ["route"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self.loads = Counter(
            "alexlab_model_loads", "Models opened, by outcome.", ["model", "outcome"], registry=self._registry
        )

    def text(self) -> bytes:
        """Write all in Prometheus' text format."""
        return generate_latest(self._registry)
