"""Rules over several windows, over whole weeks and with limits of their own words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine

from operator_qos.db import reading, unit_of_work
from operator_qos.standards.models import StandardVersion
from operator_qos.standing.service import ResultRow, RunHeader, record_results, record_runs
from operator_qos.statements.queries import get_statement
from tests.evaluation.world import HOUR_MS, build_marketplace, end_ms, outcome, store
from tests.statements.world import NOW, ON, act, issue, plain

STANDARD = """
id: two
version: 1
title: {en: Two windows, fr: Deux périodes}
effective_from: 2026-01-01
scope: {marketplace: [fr], priority: 5}
evaluated: {every: day}
rules:
  - {id: late, metric: late_shipment_rate, unit: order, window: WINDOW, kept_when: KEPT}
"""


def judge(engine: Engine, *, window: str, kept: str, start: date) -> tuple[list[str], list[str]]:
    """An order on each of the 30 days up to ON, the last three late; the sentences on them in both languages."""
    build_marketplace(engine)
    text = STANDARD.replace("WINDOW", window).replace("KEPT", kept)
    long_ago = datetime(2025, 12, 1, tzinfo=UTC)
    store(engine, [outcome(1, "ship", f"A-{back}", end_ms(ON - timedelta(days=back)) - 12 * HOUR_MS, bad=int(back < 3))
                   for back in range(30)])
    start_ms = end_ms(start - timedelta(days=1))
    with unit_of_work(engine) as session:
        session.add(StandardVersion(
            standard_id="two", version=1, text=text, effective_from=date(2026, 1, 1), drafted_at=long_ago,
            drafted_by="anne", published_at=long_ago, published_by="anne", why="as agreed"))
        header = RunHeader("fr", ON, end_ms(ON), end_ms(ON), "two", 1, 1)
        run_id = record_runs(session, [header], now=NOW)[ON, "two"]
        record_results(session, [ResultRow(run_id, 1, "late", start_ms, 3, 30, 3, 30, 3, 0.1, "breached", ["A-0"])])
    reasons = [{"code": "breached", "metric": "late"}]
    found = issue(engine, act(subject="warning:late", standard_id="two", reasons=reasons))
    with reading(engine) as session:
        content = get_statement(session, found).content
    facts = {language: next(part for part in told["sections"] if part["id"] == "facts")["items"][0]["lines"]
             for language, told in content["languages"].items()}
    return [plain(line) for line in facts["en"]], [plain(line) for line in facts["fr"]]


@pytest.mark.parametrize(("kind", "english", "french"), [
    ("all", "The limit must be kept over each of these periods.",
     "La limite doit être tenue sur chacune de ces périodes."),
    ("any", "Keeping the limit over one of these periods is enough.",
     "Il suffit que la limite soit tenue sur l’une de ces périodes.")])
def test_every_window_that_the_limit_looks_at_is_told(engine: Engine, kind: str, english: str, french: str) -> None:
    window = f"{{{kind}: [{{days: 30}}, {{days: 10}}]}}"
    en, fr = judge(engine, window=window, kept='"<= 20 %"', start=date(2026, 5, 2))
    assert en[1:5] == ["Counted: 2 May 2026 to 31 May 2026.",
                       "Counted against you: 3 of 30 (late shipments). Your result: 10.0%.", "Asked: at most 20%.",
                       "Nothing was forgiven here; the raw figure is the same."]
    assert en[5:7] == ["Also counted, 22 May 2026 to 31 May 2026: 3 of 10, 30.0%.", english]
    assert fr[5:7] == ["Aussi compté, du 22 mai 2026 au 31 mai 2026 : 3 sur 10, 30,0 %.", french]


def test_a_whole_week_ends_with_the_week_and_a_limit_of_two_parts_is_said_in_words(engine: Engine) -> None:
    """ON is a Sunday, whose own week is not over before it ends."""
    en, fr = judge(engine, window="{full: iso_week}", kept='{any: [{value: "<= 5 %"}, {bad: "< 3"}]}',
                   start=date(2026, 5, 18))
    assert en[1] == "Counted: 18 May 2026 to 24 May 2026."
    assert en[3] == "Asked: at most 5% or the number of failures: below 3."
    assert fr[3] == "Demandé : au plus 5 % ou le nombre de manquements : moins de 3."
