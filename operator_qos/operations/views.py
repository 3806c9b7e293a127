"""`/metrics` for Prometheus: how fast requests are answered, and the figures of the database."""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable
from time import perf_counter

from flask import Blueprint, Response, g, request
from prometheus_client import CollectorRegistry, Histogram, generate_latest, multiprocess
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from werkzeug.exceptions import NotFound

from operator_qos.operations.figures import Figure, list_figures
from operator_qos.permissions import public
from operator_qos.web import get_session, get_site, now

blueprint = Blueprint("operations", __name__)
PERMISSIONS = {"operations.show_metrics": public()}
TEXT = "text/plain; version=0.0.4; charset=utf-8"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Any of these says that a proxy on this machine asks for somebody else.
PROXIED = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")
HERE = frozenset({"127.0.0.1", "::1"})
# Several web processes add their seconds up through files in this folder (prometheus_client.multiprocess).
SHARED = "PROMETHEUS_MULTIPROC_DIR"
_OWN = CollectorRegistry()
SECONDS = Histogram(
    "operator_qos_http_seconds", "How long requests took.", ("method", "endpoint", "status"), registry=_OWN,
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10))


class _Figures:
    """The figures of the database as a collector."""

    def __init__(self, figures: Iterable[Figure]) -> None:
        self._figures = list(figures)

    def collect(self) -> Iterable[Metric]:
        """Each figure with its values."""
        for figure in self._figures:
            family = CounterMetricFamily if figure.kind == "counter" else GaugeMetricFamily
            found = family(figure.name, figure.help, labels=figure.labels)
            for labels, value in figure.values.items():
                found.add_metric(labels, value)
            yield found


@blueprint.before_app_request
def _start_watch() -> None:
    g.asked_at = perf_counter()


@blueprint.after_app_request
def _stop_watch(answer: Response) -> Response:
    """Endpoints instead of addresses, known methods: what strangers make up must not fill the memory."""
    started = g.pop("asked_at", None)
    if started is not None:
        method = request.method if request.method in METHODS else "other"
        SECONDS.labels(method, request.endpoint or "none", f"{answer.status_code // 100}xx").observe(
            perf_counter() - started)
    return answer


def _may_read() -> bool:
    """With a token whoever sends it; without one this machine alone, and nobody through a proxy."""
    token = get_site().settings.metrics_token
    if token:
        sent = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        return hmac.compare_digest(sent.encode(), token.encode())
    return request.remote_addr in HERE and not any(name in request.headers for name in PROXIED)


@blueprint.get("/metrics")
def show_metrics() -> Response:
    """Every figure in the text format of Prometheus; for strangers the page of a missing address."""
    if not _may_read():
        raise NotFound
    database = CollectorRegistry()
    database.register(_Figures(list_figures(get_session(), now=now())))
    return Response(_list_seconds() + generate_latest(database), content_type=TEXT)


def _list_seconds() -> bytes:
    if not os.environ.get(SHARED):
        return generate_latest(_OWN)
    every = CollectorRegistry()
    multiprocess.MultiProcessCollector(every)  # type: ignore[no-untyped-call]  # the library leaves it out
    return generate_latest(every)
