"""What the pages on shops share: addresses, files, and the words at hand in their templates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, current_app, render_template, url_for

from operator_qos import words
from operator_qos.exclusions.rules import METRIC_KINDS
from operator_qos.navigation import list_menu
from operator_qos.permissions import find_actor
from operator_qos.sellers.queries import ShopCard
from operator_qos.sheets import write_csv


def show(template: str, **values: object) -> str:
    """The page of a template, with `words` at hand."""
    return render_template(template, words=words, **values)


def find_menu_url(path: str) -> str | None:
    """The address of a menu entry of the reader, None while that page does not exist."""
    return next((entry.path for entry in list_menu(find_actor()) if entry.path == path), None)


def find_case_url(dispute_id: int) -> str | None:
    """Where the operator's people open a dispute, None while there is no such page."""
    endpoint = "disputes.show_any"
    known = endpoint in current_app.view_functions
    return url_for(endpoint, dispute_id=dispute_id) if known else None


def send_csv(name: str, rows: Iterable[Sequence[object]]) -> Response:
    """The rows as a file of that name."""
    answer = Response(write_csv(rows), mimetype="text/csv")
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer


@dataclass(frozen=True)
class ShopLinks:
    """Links to one shop's pages for one audience, "operator" or "seller"."""

    audience: str
    card: ShopCard

    def _to(self, page: str, **more: Any) -> str:
        return url_for(
            f"ledger.{self.audience}_{page}",
            marketplace=self.card.marketplace_id,
            shop=self.card.code,
            **more,
        )

    def to_shop(self, anchor: str | None = None) -> str:
        """The shop's own page: for sellers their scorecard."""
        if self.audience == "seller":
            place = f"{self.card.marketplace_id}/{self.card.code}"
            return url_for("seller.show_scorecard", shop=place, _anchor=anchor)
        return url_for(
            "operator.show_shop", marketplace=self.card.marketplace_id, shop=self.card.code, _anchor=anchor
        )

    def to_units(self, metric: str, show: str | None = None) -> str:
        """The rows behind a metric."""
        return self._to("units", metric=metric, show=show)

    def to_csv(self, metric: str, show: str | None = None) -> str:
        """The same rows as a file."""
        return self._to("units_csv", metric=metric, show=show)

    def to_order(self, order: str) -> str:
        """Everything about one order."""
        return self._to("order", order=order)

    def to_rule(self, rule: str, show: str | None = None, when: str | None = None) -> str:
        """What one rule of the standard decided, and from which rows; `when="now"` as of today."""
        return url_for(f"rules.{self.audience}_rule", marketplace=self.card.marketplace_id, shop=self.card.code,
                       rule=rule, show=show, when=when)

    def to_clock(self, kind: str, ref: str) -> str:
        """How the clock of a promise ran."""
        return url_for(f"clocks.{self.audience}_clock", marketplace=self.card.marketplace_id, shop=self.card.code,
                       promise=kind, of=ref)

    def may_contest(self, metric: str) -> bool:
        """Whether the reader can contest failures of a metric."""
        return self.audience == "seller" and metric in METRIC_KINDS

    def to_contest(self, *, metric: str | None = None, unit: str | None = None, order: str | None = None) -> str:
        """The form with which a seller contests what counts in a metric, on a unit or an order."""
        return url_for("exclusions.show_new", marketplace=self.card.marketplace_id, shop=self.card.code, metric=metric,
                       unit=unit, order=order)

    def to_figure(self, metric: str) -> str:
        """The trend as a Plotly figure."""
        return self._to("figure", metric=metric)
