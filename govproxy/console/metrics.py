"""The figures of the workers in the form that Prometheus reads.

Made anew for each request from what the workers answer, so there is one set of counters and no
second one to drift. Names follow the Prometheus conventions: base units, ``_total`` for counters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from govproxy.config.settings import Webhook
from govproxy.console.webhooks import Figures
from govproxy.control.decisions import BOUNDS_S, Decisions
from govproxy.session.figures import BOUNDS_US, WorkerFigures

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PREFIX = "govproxy_"

# Field of WorkerFigures, name, help; in the order in which they are shown.
_GAUGES = (
    ("sessions", "sessions", "Clients that are connected and logged in"),
    ("verdicts", "verdict_cache_entries", "Texts and shapes whose verdict is known"),
    ("verdict_bytes", "verdict_cache_bytes", "What they are accounted with"),
    ("ledger_healthy", "ledger_writable", "1 while the ledger can be written; at 0 nothing runs"),
    ("ledger_pending_bytes", "ledger_pending_bytes", "Ledger lines that are not in the file yet"),
)
_COUNTERS = (
    ("sessions_total", "sessions_started", "Logins that succeeded"),
    ("logins_refused", "logins_refused", "Logins that failed"),
    ("statements", "statements", "Statements recorded"),
    ("bytes_in", "client_received_bytes", "Bytes that clients sent"),
    ("bytes_out", "client_sent_bytes", "Bytes that databases sent for clients"),
    ("verdict_generations", "verdict_cache_generations", "How often half of the cache gave way to newer texts"),
    ("ledger_lost_outcomes", "ledger_lost_outcomes", "Outcomes that could not be written; statements never are lost"),
)


def exposition(
    workers: Sequence[WorkerFigures],
    decisions: Decisions | None = None,
    webhooks: Sequence[tuple[Webhook, int, Figures]] = (),
) -> bytes:
    """The page that ``/metrics`` answers with."""
    registry = CollectorRegistry()
    registry.register(_Workers(workers))
    if decisions is not None:
        registry.register(_Approvals(decisions))
    if webhooks:
        registry.register(_Webhooks(webhooks))
    page: bytes = generate_latest(registry)
    return page


class _Webhooks(Collector):
    def __init__(self, webhooks: Sequence[tuple[Webhook, int, Figures]]) -> None:
        self._webhooks = webhooks

    def collect(self) -> Iterator[Metric]:
        messages = CounterMetricFamily(
            PREFIX + "webhook_messages", "What became of messages to a webhook", labels=["webhook", "result"]
        )
        waiting = GaugeMetricFamily(
            PREFIX + "webhook_messages_waiting", "Messages that are not delivered yet", labels=["webhook"]
        )
        for hook, count, figures in self._webhooks:
            for result in ("delivered", "failed", "dropped"):
                messages.add_metric([hook.name, result], getattr(figures, result))
            waiting.add_metric([hook.name], count)
        yield messages
        yield waiting


class _Workers(Collector):
    def __init__(self, workers: Sequence[WorkerFigures]) -> None:
        self._workers = workers

    def collect(self) -> Iterator[Metric]:
        for field, name, text in _GAUGES:
            yield self._filled(GaugeMetricFamily(PREFIX + name, text, labels=["worker"]), field)
        for field, name, text in _COUNTERS:
            yield self._filled(CounterMetricFamily(PREFIX + name, text, labels=["worker"]), field)
        hits = CounterMetricFamily(
            PREFIX + "verdict_cache_hits", "Texts whose verdict was known", labels=["worker", "key"]
        )
        misses = CounterMetricFamily(
            PREFIX + "verdict_cache_misses", "Texts that the gate was asked about", labels=["worker", "reason"]
        )
        for figures in self._workers:
            worker = str(figures.worker)
            hits.add_metric([worker, "text"], figures.exact_hits)
            hits.add_metric([worker, "shape"], figures.folded_hits)
            for reason, count in figures.misses.items():
                misses.add_metric([worker, reason], count)
        yield hits
        yield misses
        yield self._limited()
        yield self._miss_times()

    def _limited(self) -> Metric:
        family = CounterMetricFamily(
            PREFIX + "limited_statements", "Statements that a limit stopped or refused", labels=["worker", "limit"]
        )
        for figures in self._workers:
            for limit, count in sorted(figures.limited.items()):
                family.add_metric([str(figures.worker), limit], count)
        return family

    def _filled(self, family: GaugeMetricFamily | CounterMetricFamily, field: str) -> Metric:
        for figures in self._workers:
            family.add_metric([str(figures.worker)], float(getattr(figures, field)))
        return family

    def _miss_times(self) -> Metric:
        family = HistogramMetricFamily(
            PREFIX + "gate_seconds", "Time to judge a text that the cache did not know", labels=["worker"]
        )
        bounds = [*(str(bound / 1_000_000) for bound in BOUNDS_US), "+Inf"]
        for figures in self._workers:
            time = figures.miss_time
            buckets: Iterable[tuple[str, float]] = zip(bounds, accumulate(time.counts), strict=True)
            family.add_metric([str(figures.worker)], list(buckets), sum_value=time.total_us / 1_000_000)
        return family


class _Approvals(Collector):
    def __init__(self, decisions: Decisions) -> None:
        self._decisions = decisions

    def collect(self) -> Iterator[Metric]:
        ended = CounterMetricFamily(
            PREFIX + "approvals", "Requests for approval that wait no more", labels=["by", "status"]
        )
        for (by, status), count in sorted(self._decisions.ended.items()):
            ended.add_metric([by, status], count)
        yield ended
        times = HistogramMetricFamily(PREFIX + "approval_seconds", "Time from request to decision", labels=["by"])
        bounds = [*map(str, BOUNDS_S), "+Inf"]
        for by, counts in sorted(self._decisions.times.items()):
            buckets: Iterable[tuple[str, float]] = zip(bounds, accumulate(counts), strict=True)
            times.add_metric([by], list(buckets), sum_value=self._decisions.sums_s[by])
        yield times
