"""The league table as a page: heads one can sort by, one line per shop."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from operator_qos import words
from operator_qos.i18n import gettext
from operator_qos.metric_cards import MetricCard, build_card
from operator_qos.sellers.league_queries import (
    COLUMNS,
    LEVEL_ORDER,
    VERDICT_ORDER,
    LeagueRow,
    LeagueView,
    LiveMetric,
    is_ranked,
    list_columns,
    list_league_rows,
)
from operator_qos.sellers.queries import ShopCard
from operator_qos.sheets import Row, Sheet
from operator_qos.standards.binding import get_shipped_standard, list_bound
from operator_qos.standards.titles import name_badge, name_level
from operator_qos.standing.live import Live, list_live
from scoring.metrics import METRICS
from scoring.plain import find_plain_rule, is_plain, list_plain_rules
from scoring.standards import MetricRule, Standard

ORDERS_OF = "order_defect_rate"  # whose raw base are the orders of a shop
Query = Mapping[str, str | list[str]]

SHEET_COLUMNS: dict[str, type] = {
    "marketplace": str, "shop": str, "name": str, "seller": str, "level": str, "badges": str, "metric": str,
    "as_of_ms": int, "bad": float, "base": int, "value": float, "lower": float, "upper": float, "raw_bad": float,
    "raw_base": int, "raw_value": float, "verdict": str, "open_disputes": int,
}


@dataclass(frozen=True)
class Head:
    """A head one can sort by: `aria_sort` is "" where the table is not sorted by it; `query` sorts by it."""

    column: str
    title: str
    aria_sort: str
    query: Query


@dataclass(frozen=True)
class Choice:
    """A column one may leave out."""

    column: str
    title: str
    is_shown: bool


@dataclass(frozen=True)
class BriefCell:
    """One metric in a narrow column: its official value with its verdict and base."""

    metric: str
    verdict: str | None
    value: str
    counted: str


@dataclass(frozen=True)
class LeagueLine:
    """One shop: the metric shown in full (None without numbers), the others in brief."""

    card: ShopCard
    level: str | None
    level_name: str
    badges: tuple[str, ...]
    orders: int
    full: MetricCard | None
    brief: tuple[BriefCell | None, ...]  # in the order of list_brief
    open_disputes: int
    late_disputes: int
    is_ranked: bool


def list_judged_rules(standards: Sequence[Standard]) -> dict[str, MetricRule]:
    """The plain rules of the standards in use, by metric; of several the rule of the one that binds most shops."""
    found: dict[str, MetricRule] = {}
    for standard in (*standards, get_shipped_standard()):
        for rule in () if found and standard not in standards else list_plain_rules(standard):
            found.setdefault(rule.metric, rule)
    return found


def list_levels(standards: Sequence[Standard]) -> dict[str, str]:
    """The levels of the standards in use with their titles, best first."""
    return {tier.id: name_level(standard, tier.id) for standard in standards for tier in standard.tiers}


def list_live_metrics(standards: Sequence[Standard]) -> tuple[LiveMetric, ...]:
    """What the rules of standards that are not plain judge, by standard and metric."""
    return tuple(LiveMetric(standard.id, standard.version, metric, tuple(rules)) for standard in standards
                 if not is_plain(standard) for metric, rules in _group_rules(standard).items())


def _group_rules(standard: Standard) -> dict[str, list[str]]:
    """The ids of the rules that judge, by metric."""
    found: dict[str, list[str]] = {}
    for rule in standard.rules:
        if rule.is_active:
            found.setdefault(rule.metric, []).append(rule.id)
    return found


def read_view(
    arguments: Mapping[str, Sequence[str]], judged: Sequence[str], levels: Collection[str] = LEVEL_ORDER,
    live: tuple[LiveMetric, ...] = (),
) -> LeagueView:
    """The view an address asks for, of metrics that are judged; what it does not know is left at its usual value."""
    metrics = list(judged)
    given = {key: values[0] for key, values in arguments.items() if values}
    level, verdict = given.get("level", ""), given.get("verdict", "")
    column = given.get("sort", "")
    metric = given.get("metric", "")
    return LeagueView(
        metric=metric if metric in metrics else metrics[0],
        name=given.get("name", "").strip()[:200],
        marketplace=given.get("marketplace", ""),
        level=level if level in {*levels, "none"} else "",
        verdict=verdict if verdict in VERDICT_ORDER else "",
        column=column if column in {*COLUMNS, *metrics} else "raw",
        worst_first=given.get("order") != "best",
        hidden=_list_optional(metrics) - set(arguments.get("col", ())) if "cols" in arguments else frozenset(),
        judged=tuple(metrics),
        live=live,
    )


def _list_optional(judged: Sequence[str]) -> frozenset[str]:
    """The columns one may leave out; the metric shown in full always stays."""
    return frozenset({"level", "weeks", "disputes", *judged})


def to_query(view: LeagueView) -> dict[str, str | list[str]]:
    """The address of a view, without what is usual. Columns are named when some are left out, with a marker:
    a form that sends no column at all means it."""
    usual = read_view({}, view.judged)
    given: dict[str, str | list[str]] = {
        "metric": view.metric if view.metric != usual.metric else "",
        "name": view.name,
        "marketplace": view.marketplace,
        "level": view.level,
        "verdict": view.verdict,
        "sort": view.column if view.column != usual.column else "",
        "order": "" if view.worst_first else "best",
        "cols": "chosen" if view.hidden else "",
        "col": sorted(_list_optional(view.judged) - view.hidden) if view.hidden else "",
    }
    return {key: value for key, value in given.items() if value}


def list_kept(view: LeagueView, *dropped: str) -> Iterator[tuple[str, str]]:
    """The address of a view as the hidden fields of a form that asks for the rest itself."""
    for key, value in to_query(view).items():
        if key not in dropped:
            yield from ((key, part) for part in ([value] if isinstance(value, str) else value))


def list_choices(view: LeagueView) -> list[Choice]:
    """The columns of this view that one may leave out, in their order."""
    titles = {"level": gettext("Level, badges"), "weeks": gettext("12 weeks")}
    titles |= {metric: str(words.metric_name(metric)) for metric in list_columns(view)}
    titles["disputes"] = gettext("Open disputes")
    return [Choice(column, title, column not in view.hidden) for column, title in titles.items()]


def _is_descending(view: LeagueView) -> bool:
    """Whether the values of the sorted column fall from top to bottom."""
    metric = view.column if view.column in METRICS else view.metric
    if view.column in {"raw", "official"} or view.column in METRICS:
        return view.worst_first != METRICS[metric].higher_is_better
    return view.worst_first == (view.column == "disputes")


def build_head(view: LeagueView, column: str, title: str) -> Head:
    """The head of a column, with the address that sorts by it, or turns the order where it already does."""
    if view.column != column:
        return Head(column, title, "", to_query(replace(view, column=column, worst_first=True)))
    turned = replace(view, worst_first=not view.worst_first)
    return Head(column, title, "descending" if _is_descending(view) else "ascending", to_query(turned))


def build_heads(view: LeagueView) -> dict[str, Head]:
    """Every head of the table by its column."""
    titles = {
        "shop": gettext("Shop"),
        "level": gettext("Level, badges"),
        "raw": gettext("Raw"),
        "official": gettext("Official"),
        "verdict": gettext("Verdict"),
        "disputes": gettext("Open disputes"),
    }
    titles |= {
        metric: str(words.metric_short(metric)) for metric in list_columns(view)
    }
    return {column: build_head(view, column, title) for column, title in titles.items()}


@dataclass(frozen=True)
class Judged:
    """A shop with the standard that binds it, and what its rules that are not plain say now."""

    row: LeagueRow
    standard: Standard
    live: Live | None

    def card(self, metric: str) -> MetricCard | None:
        score, standard = self.row.scores.get(metric), self.standard
        if score is None:
            return None
        card = build_card(score, find_plain_rule(standard, metric), standard.evidence)
        return replace(card, verdict=self.find_verdict(metric))

    def brief(self, metric: str) -> BriefCell | None:
        score = self.row.scores.get(metric)
        if score is None:
            return None
        counted = words.counted_phrase(metric, bad=score.bad, base=score.base)
        return BriefCell(metric, self.find_verdict(metric), words.format_metric(metric, score.value), counted)

    def find_verdict(self, metric: str) -> str | None:
        """The worst its rules say; of a plain standard that of the score; None where no rule judges it."""
        score, standard, live = self.row.scores.get(metric), self.standard, self.live
        if live is None or (live.standard_id, live.standard_version) != (standard.id, standard.version):
            return score.verdict if score is not None and find_plain_rule(standard, metric) is not None else None
        rules = _group_rules(standard).get(metric, ())
        said = [line.verdict for name, line in live.rules.items() if name.partition("|")[0] in rules]
        return min(said, key=VERDICT_ORDER.index, default=None)


def _line(judged: Judged, view: LeagueView) -> LeagueLine:
    row, standard = judged.row, judged.standard
    placed = row.scores.get(ORDERS_OF)
    return LeagueLine(
        card=row.card,
        level=row.level,
        level_name=name_level(standard, row.level),
        badges=tuple(name_badge(standard, badge) for badge in row.badges if badge != "top_seller"),
        orders=placed.raw_base if placed else 0,
        full=judged.card(view.metric),
        brief=tuple(judged.brief(metric) for metric in list_brief(view)),
        open_disputes=row.open_disputes,
        late_disputes=row.late_disputes,
        is_ranked=is_ranked(row, view.metric),
    )


def list_brief(view: LeagueView) -> list[str]:
    """The metrics shown in brief, without those left out."""
    return [metric for metric in list_columns(view) if metric not in view.hidden]


def list_shown(session: Session, shop_ids: Sequence[int], *, view: LeagueView, now: datetime) -> list[Judged]:
    """A page of shops with what is shown of them, in their lines and in the foot."""
    return _list_judged(session, shop_ids, (ORDERS_OF, view.metric, *list_columns(view)), now)


def build_lines(shown: Sequence[Judged], view: LeagueView) -> list[LeagueLine]:
    """The lines of a page of shops."""
    return [_line(judged, view) for judged in shown]


def _list_judged(
    session: Session, shop_ids: Sequence[int], metrics: Sequence[str], now: datetime
) -> list[Judged]:
    bound = list_bound(session, shop_ids, now=now)
    live = list_live(session, [shop_id for shop_id, standard in bound.items() if not is_plain(standard)])
    return [Judged(row, bound[row.card.id], live.get(row.card.id))
            for row in list_league_rows(session, shop_ids, metrics=metrics, now=now)]


def build_sheet(session: Session, shop_ids: Sequence[int], *, judged: Sequence[str], now: datetime) -> Sheet:
    """The table for other programs: a row per shop and judged metric."""
    return Sheet("sellers", SHEET_COLUMNS, _list_sheet_rows(_list_judged(session, shop_ids, judged, now), judged))


def _list_sheet_rows(shops: Sequence[Judged], judged: Sequence[str]) -> Iterator[Row]:
    for one in shops:
        for metric in judged:
            row, score = one.row, one.row.scores.get(metric)
            if score is None:
                continue
            yield (
                row.card.marketplace_id, row.card.code, row.card.name, row.card.seller, row.level or "",
                " ".join(row.badges), metric, score.as_of_ms, score.bad, score.base, score.value, score.lower,
                score.upper, score.raw_bad, score.raw_base, score.raw_value, one.find_verdict(metric),
                row.open_disputes,
            )
