"""Customer support posts as events: a thread and a brand make a conversation, the brand is the shop.

The conversation's id is `root:brand`, the root being the last parent that the file holds. A customer's post
is a message to every brand that posts in its thread, a brand's post one of its own shop; event ids are
`post:brand`. Posts of threads in which no brand posts belong to no shop and are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from operator_qos.connectors.rows import BadRow, EventRow, Happening, ImportPlan, MarketplaceSeed, Source
from operator_qos.connectors.tables import (
    FieldFault,
    RowReader,
    Table,
    TableRow,
    find_instant,
    open_table,
    quoted,
)

MARKETPLACE = MarketplaceSeed("twitter", "UTC", "USD", "US", "en", "Customer support on Twitter")
SOURCE = Source("/twitter-support", MARKETPLACE.id, MARKETPLACE.country)

_COLUMNS = ("tweet_id", "author_id", "inbound", "created_at", "in_response_to_tweet_id")
_TWITTER_TIME = "%a %b %d %H:%M:%S %z %Y"


@dataclass(frozen=True, slots=True)
class Post:
    """A row of the file."""

    row: TableRow
    id: str
    author: str
    by_customer: bool
    at: datetime


class Threads:
    """Which post answers which; a post in a circle has no root."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}
        self._roots: dict[str, str | None] = {}

    def add(self, post: str, parent: str) -> None:
        """Takes in a post and the id of the post it answers (empty: none). Raises FieldFault when known."""
        if post in self._parents:
            what = f"Post {quoted(post)} stands in an earlier row already."
            raise FieldFault("tweet_id", f"{what} Remove this row.")
        self._parents[post] = parent

    def root(self, post: str) -> str | None:
        """The last parent that was taken in; None for a post whose parents form a circle."""
        path: dict[str, None] = {}
        at = post
        while at not in self._roots and at not in path:
            path[at] = None
            parent = self._parents[at]
            if parent not in self._parents:
                self._roots[at] = at
                break
            at = parent
        root = self._roots.get(at)
        self._roots.update(dict.fromkeys(path, root))
        return root


def plan_twitter_support(file: Path | str) -> ImportPlan:
    """The plan of one file of posts, as .csv or .csv.gz; rows in any order.

    Raises SourceLayoutError when the file or a column is missing, and while reading when the file breaks off.
    """
    return ImportPlan((MARKETPLACE,), _rows(open_table(Path(file), _COLUMNS)))


def _rows(table: Table) -> Iterator[EventRow | BadRow]:
    reader = RowReader()
    threads = Threads()
    posts = list(reader.parsed(table, lambda row: _parse_post(row, threads)))
    yield from _shop_rows(posts)
    brands = _brands_by_root(posts, threads)
    for post in posts:
        yield from _post_rows(post, threads.root(post.id), brands)
    yield from reader.bad


def _parse_post(row: TableRow, threads: Threads) -> Post:
    post = row.required("tweet_id")
    # Before the other fields: a post that cannot be read still holds its thread together.
    threads.add(post, row.optional("in_response_to_tweet_id"))
    return Post(
        row=row,
        id=post,
        author=row.required("author_id"),
        by_customer=_by_customer(row),
        at=_moment(row),
    )


def _by_customer(row: TableRow) -> bool:
    text = row.required("inbound")
    if text.lower() not in {"true", "false"}:
        raise FieldFault("inbound", f"inbound is {quoted(text)}. Write True (a customer) or False (a brand).")
    return text.lower() == "true"


def _moment(row: TableRow) -> datetime:
    text = row.required("created_at")
    moment = find_instant(text) or _twitter_moment(text)
    if moment is None:
        form = "Write it like 2017-10-31T22:10:47Z or Tue Oct 31 22:10:47 +0000 2017."
        raise FieldFault("created_at", f"created_at is {quoted(text)}, not a time with a zone. {form}")
    return moment


def _twitter_moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, _TWITTER_TIME).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _shop_rows(posts: list[Post]) -> Iterator[EventRow]:
    first_of_brand: dict[str, TableRow] = {}
    for post in posts:
        if not post.by_customer:
            first_of_brand.setdefault(post.author, post.row)
    for brand, row in first_of_brand.items():
        yield EventRow(row.file, row.row, SOURCE.shop_opened(brand, brand))


def _brands_by_root(posts: list[Post], threads: Threads) -> dict[str, dict[str, None]]:
    brands: dict[str, dict[str, None]] = {}
    for post in posts:
        root = threads.root(post.id)
        if not post.by_customer and root is not None:
            brands.setdefault(root, {})[post.author] = None
    return brands


def _post_rows(
    post: Post, root: str | None, brands: dict[str, dict[str, None]]
) -> Iterator[EventRow | BadRow]:
    if root is None:
        reason = "The posts it answers form a circle. Correct the ids and import the file again."
        yield post.row.bad(FieldFault("in_response_to_tweet_id", reason))
        return
    for brand in brands.get(root, {}) if post.by_customer else (post.author,):
        yield EventRow(post.row.file, post.row.row, SOURCE.event(_message(post, root, brand)))


def _message(post: Post, root: str, brand: str) -> Happening:
    author, to = ("buyer", "seller") if post.by_customer else ("seller", "buyer")
    data: dict[str, object] = {"author": author, "to": [to], "channel": "twitter"}
    return Happening("qos.message.sent", f"{post.id}:{brand}", post.at, f"{root}:{brand}", brand, data)
