"""How much each shop does, day by day: what a rule that is being written would have to judge."""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from operator_qos.db import among
from operator_qos.ledger.models import MetricDay
from scoring.metrics import METRICS


def read_daily_bases(
    session: Session, metric: str, *, until: date, days: int, most_shops: int
) -> tuple[NDArray[np.int64], int]:
    """What was counted for a metric, shops by days up to and including `until`, and how many shops have any.

    Of more than `most_shops` so many are taken evenly by size, the smallest and the largest among them.
    """
    code, last = METRICS[metric].code, until.toordinal()
    mine = (MetricDay.metric_code == code, MetricDay.day > last - days, MetricDay.day <= last)
    total = func.sum(MetricDay.base)
    sizes = session.execute(select(MetricDay.shop_id, total).where(*mine).group_by(MetricDay.shop_id)
                            .having(total > 0).order_by(total, MetricDay.shop_id)).all()
    places = np.unique(np.linspace(0, max(len(sizes) - 1, 0), min(most_shops, len(sizes))).round().astype(int))
    chosen = {sizes[place][0]: row for row, place in enumerate(places)}
    daily = np.zeros((len(chosen), days), np.int64)
    rows = session.execute(select(MetricDay.shop_id, MetricDay.day, MetricDay.base).where(
        *mine, among(session, MetricDay.shop_id, sorted(chosen)))) if chosen else ()
    for shop_id, day, base in rows:
        daily[chosen[shop_id], day - (last - days + 1)] = base
    return daily, len(sizes)
