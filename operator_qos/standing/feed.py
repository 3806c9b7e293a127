"""The seller's notices in words, as the mails say them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from operator_qos.notices.mail import BASE_URL, render_notice
from operator_qos.notices.queries import NoticeRow
from operator_qos.sellers.queries import ShopCard


@dataclass(frozen=True)
class NoticeLine:
    """One notice: `is_done` once the reader said so, opening it does not."""

    id: int
    title: str
    body: str
    link: str
    card: ShopCard | None
    created_at: datetime
    read_at: datetime | None

    @property
    def is_done(self) -> bool:
        """Whether the reader has marked it as done."""
        return self.read_at is not None


@dataclass(frozen=True)
class Reading:
    """Who reads, in which language, and where the site is found."""

    name: str
    language: str
    base_url: str
    own_words: Mapping[str, str] = field(default_factory=dict)  # the operator's texts in this language, by topic


def build_lines(rows: Sequence[NoticeRow], cards: Mapping[int, ShopCard], reading: Reading) -> tuple[NoticeLine, ...]:
    """The notices as lines, in the order given."""
    return tuple(_line(row, cards, reading) for row in rows)


def _line(row: NoticeRow, cards: Mapping[int, ShopCard], reading: Reading) -> NoticeLine:
    text = render_notice(row.topic, row.data, language=reading.language, name=reading.name, link=row.link,
                         own_words=reading.own_words.get(row.topic, ""))
    return NoticeLine(
        id=row.id,
        title=text.subject.replace(BASE_URL, reading.base_url),
        body=text.body.replace(BASE_URL, reading.base_url).strip(),
        link=row.link,
        card=cards.get(row.shop_id) if row.shop_id is not None else None,
        created_at=row.created_at,
        read_at=row.read_at,
    )
