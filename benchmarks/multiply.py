"""Multiplying a small world inside its database: every row of a copied shop is one that the product would have written.

A copy of a shop has its own number and company, and everything in it is named with a suffix of its own; dossiers get
the numbers that the product gives to things of these names (`operator_qos/events/dossiers.py`). What is kept per shop
(cells, scorecards, standings, live figures) is copied with it. The hashes of contents stay those of the first world,
and reasons of decisions name the orders of the first world.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, MetaData, Table, select
from sqlalchemy.orm import Session

from benchmarks.bare_tables import Lifted, lift, number_on, put_back
from operator_qos.db import Base, bulk_insert, unit_of_work
from operator_qos.events.dossiers import Thing, hash_thing, list_things
from operator_qos.events.log import typed_from_row
from operator_qos.events.models import Entity, Event, EventBody, NamedEvent
from operator_qos.ledger.service import FACT_MODELS

MARK = "@@"  # stands for the suffix of a copy in prepared texts
NAMED = {"order", "case", "id", "buyer"}  # fields of `data` that name something of the shop's
SUFFIXED = {"order_ref", "case_ref", "return_ref", "conversation", "event_id", "opened_id", "unit", "ref", "buyer",
            "subject"}
PER_SHOP = ("metric_days", "scorecards", "shop_standings", "live_standings", "live_rules", "standing_changes",
            "evaluation_results", "disputes")
BY_DOSSIER = tuple(model.__tablename__ for model in FACT_MODELS.values())
LOGGED = ("event_ids", "event_bodies", "events")
FILLED = (*LOGGED, "entities", *BY_DOSSIER, *PER_SHOP)
STAGES = ("bench_sellers", "bench_shops", "bench_dossiers", "bench_texts")
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Copies:
    """How often each shop is copied, and how often the young dossiers of the large shop within that shop."""

    shops: int
    large_shop: int
    within: int
    young_ms: int  # dossiers of the large shop that began then or later are copied


@dataclass(frozen=True)
class _World:
    """The first world: its shops, things by dossier, and how far numbers of each table must move."""

    sellers: Mapping[int, int]  # shop -> company
    things: Mapping[int, Mapping[int, frozenset[Thing]]]  # shop -> dossier -> what it is about
    named: Mapping[int, frozenset[tuple[str, str]]]  # shop -> events that others speak of
    young: frozenset[int]
    spans: Mapping[str, int]


def multiply(engine: Engine, copies: Copies, *, on_step: Callable[[str], None]) -> None:
    """Fill the database with copies of what is in it; commits step by step."""
    with unit_of_work(engine) as session:
        world = _read_world(session, copies)
    on_step("indexes and constraints off")
    lifted = lift(engine, FILLED)
    on_step("numbers and names of the copies")
    _stage(engine, world, copies)
    _fill(engine, world, on_step)
    with engine.begin() as connection:
        for stage in (*STAGES, *(f"bench_{table}" for table in FILLED if table != "entities")):
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {stage}")
    _put_back(engine, lifted, on_step)


def _put_back(engine: Engine, lifted: Lifted, on_step: Callable[[str], None]) -> None:
    on_step("indexes and constraints on")
    put_back(engine, lifted)
    number_on(engine, Base.metadata.sorted_tables)
    on_step("statistics")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE" if engine.dialect.name == "postgresql" else "ANALYZE")


def _read_world(session: Session, copies: Copies) -> _World:
    from operator_qos.sellers.models import Shop

    sellers = {row.id: row.seller_id for row in session.execute(select(Shop.id, Shop.seller_id))}
    dossiers = {row.id: row.dossier_id for row in session.execute(select(Entity.id, Entity.dossier_id))}
    things: dict[int, dict[int, set[Thing]]] = {shop: defaultdict(set) for shop in sellers}
    begun: dict[int, int] = {}
    for row in session.execute(select(Event)).scalars():
        for thing in list_things(typed_from_row(row)):
            dossier = dossiers[hash_thing(row.shop_id, thing)]
            things[row.shop_id][dossier].add(thing)
            if row.shop_id == copies.large_shop:
                begun[dossier] = min(row.at_ms, begun.get(dossier, row.at_ms))
    named: dict[int, set[tuple[str, str]]] = defaultdict(set)
    for found in session.execute(select(NamedEvent)).scalars():
        named[found.shop_id].add((found.source, found.event_id))
    tables = {name: Base.metadata.tables[name] for name in ("sellers", "shops", "event_ids", "disputes",
                                                            "standing_changes")}
    spans = {name: (session.scalar(select(table.primary_key.columns[0]).order_by(
        table.primary_key.columns[0].desc()).limit(1)) or 0) + 1 for name, table in tables.items()}
    return _World(sellers, {shop: {d: frozenset(t) for d, t in found.items()} for shop, found in things.items()},
                  {shop: frozenset(found) for shop, found in named.items()},
                  frozenset(d for d, at in begun.items() if at >= copies.young_ms), spans)


def _stage(engine: Engine, world: _World, copies: Copies) -> None:
    """Number and name the copies: companies, shops, dossiers and what they are about, and texts with a mark."""
    with engine.begin() as connection:
        for stage, columns in {
            "bench_sellers": "template integer, seller_id integer, suffix varchar(12)",
            "bench_shops": "template integer, n integer, shop_id integer, seller_id integer, suffix varchar(12)",
            "bench_dossiers": "template bigint, n integer, dossier bigint, shop_id integer, suffix varchar(12)",
            "bench_texts": "seq bigint, data text, body text",
        }.items():
            connection.exec_driver_sql(f"CREATE TABLE {stage} ({columns})")
    with unit_of_work(engine) as session:
        _insert(session, "bench_sellers", ("template", "seller_id", "suffix"), _list_sellers(world, copies))
        _insert(session, "bench_shops", ("template", "n", "shop_id", "seller_id", "suffix"),
                _list_shops(world, copies))
        _insert(session, "bench_texts", ("seq", "data", "body"), _list_texts(session, copies.large_shop))
        for places in _batches(_list_places(world, copies), 2_000):
            _insert_dossiers(session, world, copies, places)
    with engine.begin() as connection:
        for stage, column in (("bench_dossiers", "template"), ("bench_shops", "template"), ("bench_texts", "seq")):
            connection.exec_driver_sql(f"CREATE INDEX ix_{stage} ON {stage} ({column})")
        connection.exec_driver_sql("ANALYZE")


def _list_sellers(world: _World, copies: Copies) -> Iterator[tuple[Any, ...]]:
    span = world.spans["sellers"]
    for seller in sorted(set(world.sellers.values())):
        yield from ((seller, seller + n * span, f"x{n}") for n in range(1, copies.shops + 1))


def _list_shops(world: _World, copies: Copies) -> Iterator[tuple[Any, ...]]:
    for shop, seller in world.sellers.items():
        if shop != copies.large_shop:
            yield from ((shop, n, shop + n * world.spans["shops"], seller + n * world.spans["sellers"], f"x{n}")
                        for n in range(1, copies.shops + 1))


def _list_places(world: _World, copies: Copies) -> Iterator[tuple[int, int, int, str]]:
    """(shop, n, shop of the copy, suffix) of every copy of a shop's dossiers."""
    for shop, n, shop_id, _, suffix in _list_shops(world, copies):
        yield shop, n, shop_id, suffix
    yield from ((copies.large_shop, n, copies.large_shop, f"x{n}") for n in range(1, copies.within + 1))


def _insert_dossiers(
    session: Session, world: _World, copies: Copies, places: Sequence[tuple[int, int, int, str]]
) -> None:
    """What copies of shops consist of: dossiers, their things, and the events that others speak of."""
    dossiers: list[tuple[Any, ...]] = []
    entities: list[tuple[int, int]] = []
    named: list[tuple[Any, ...]] = []
    for shop, n, shop_id, suffix in places:
        within = shop == copies.large_shop
        for template, things in world.things[shop].items():
            if within and template not in world.young:
                continue
            ids = [hash_thing(shop_id, (*thing[:-1], thing[-1] + suffix)) for thing in things]
            dossiers.append((template, n, min(ids), shop_id, suffix))
            entities += [(entity, min(ids)) for entity in ids]
        if not within:
            named += [(source, event_id + suffix, shop_id) for source, event_id in world.named.get(shop, ())]
    _insert(session, "bench_dossiers", ("template", "n", "dossier", "shop_id", "suffix"), dossiers)
    bulk_insert(session, Entity, ("id", "dossier_id"), entities)
    bulk_insert(session, NamedEvent, ("source", "event_id", "shop_id"), named)


def _list_texts(session: Session, large_shop: int) -> Iterator[tuple[int, str, str]]:
    """Of every event its fields and its original, with a mark wherever they name something of the shop's."""
    query = select(Event.seq, Event.shop_id, Event.data, EventBody.body).join(EventBody, EventBody.seq == Event.seq)
    for seq, shop, data, body in session.execute(query).all():
        document = orjson.loads(body)
        document |= {field: document[field] + MARK for field in ("id", "subject")}
        document["data"] = _mark(document["data"])
        if shop != large_shop:
            document["shop"] += MARK
        yield seq, orjson.dumps(_mark(data)).decode(), orjson.dumps(document).decode()


def _mark(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: held + MARK if key in NAMED and isinstance(held, str) else _mark(held) for key, held in value.items()}


def _insert(session: Session, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    class _Named:  # all that bulk_insert looks at
        __tablename__ = table

    for part in _batches(rows, 50_000):
        bulk_insert(session, _Named, columns, part)  # type: ignore[arg-type]


def _batches(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    left = iter(rows)
    while part := list(islice(left, size)):
        yield part


def _fill(engine: Engine, world: _World, on_step: Callable[[str], None]) -> None:
    """Append the copies of every table, each in one statement that reads the first world from a table beside it."""
    with engine.begin() as connection:
        for name in FILLED:
            if name != "entities":
                connection.exec_driver_sql(f"CREATE TABLE bench_{name} AS SELECT * FROM {name}")
        connection.exec_driver_sql("CREATE INDEX ix_bench_events ON bench_events (seq)")
    on_step("companies and shops")
    _run(engine, _copy_sellers(), _copy_shops(world))
    for name in LOGGED:
        on_step(name)
        _run(engine, *(_copy_logged(world, name, engine.dialect.name, about_shop=about) for about in (False, True)))
    for name in (*BY_DOSSIER, *PER_SHOP):
        on_step(name)
        _run(engine, _copy_rows(world, name))


def _run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement.replace("%", "%%"))


def _copy_sellers() -> str:
    return ("INSERT INTO sellers (id, code, name, country, language) SELECT m.seller_id, t.code || m.suffix, "
            "t.name || ' ' || m.suffix, t.country, t.language FROM sellers t JOIN bench_sellers m ON m.template = t.id")


def _copy_shops(world: _World) -> str:
    names = [column.name for column in Base.metadata.tables["shops"].columns]
    given = {"id": "m.shop_id", "seller_id": "m.seller_id", "code": "t.code || m.suffix",
             "name": "t.name || ' ' || m.suffix"}
    return (f"INSERT INTO shops ({', '.join(names)}) SELECT {', '.join(given.get(name, 't.' + name) for name in names)}"
            f" FROM shops t JOIN bench_shops m ON m.template = t.id WHERE t.id < {world.spans['shops']}")


def _copy_logged(world: _World, name: str, dialect: str, *, about_shop: bool) -> str:
    """Events of dossiers, or those about the shops themselves."""
    columns = [column.name for column in Base.metadata.tables[name].columns]
    json = "CAST({} AS json)" if dialect == "postgresql" else "{}"
    given = {"seq": f"t.seq + m.n * {world.spans['event_ids']}", "event_id": "t.event_id || m.suffix",
             "subject": "t.subject || m.suffix", "shop_id": "m.shop_id",
             "dossier_id": "NULL" if about_shop else "m.dossier",
             "data": json.format(f"replace(x.data, '{MARK}', m.suffix)"),
             "body": f"replace(x.body, '{MARK}', m.suffix)"}
    copies = ("bench_shops m ON m.template = e.shop_id AND e.dossier_id IS NULL" if about_shop
              else "bench_dossiers m ON m.template = e.dossier_id")
    texts = "" if name == "event_ids" else " JOIN bench_texts x ON x.seq = t.seq"
    return (f"INSERT INTO {name} ({', '.join(columns)}) SELECT "
            f"{', '.join(given.get(column, 't.' + column) for column in columns)} "
            f"FROM bench_{name} t JOIN bench_events e ON e.seq = t.seq{texts} JOIN {copies}")


def _copy_rows(world: _World, name: str) -> str:
    """Rows of dossiers, or what is kept per shop."""
    table = Base.metadata.tables[name]
    columns = [column.name for column in table.columns if column.name != "row_id"]
    key = "dossier_id" if name in BY_DOSSIER else "shop_id"
    copies = "bench_dossiers" if name in BY_DOSSIER else "bench_shops"
    return (f"INSERT INTO {name} ({', '.join(columns)}) SELECT "
            f"{', '.join(_express(world, table, column) for column in columns)} "
            f"FROM bench_{name} t JOIN {copies} m ON m.template = t.{key}")


def _express(world: _World, table: Table, column: str) -> str:
    """What a copy holds in a column."""
    if column == "shop_id":
        return "m.shop_id"
    if column == "dossier_id":
        return "m.dossier"
    if column == "id" and table.name in world.spans:
        return f"t.id + m.n * {world.spans[table.name]}"
    if column in SUFFIXED:
        return f"t.{column} || m.suffix"
    if column == "name" and table.name == "exclusion_facts":
        return "replace(t.name, '\"]', m.suffix || '\"]')"
    return f"t.{column}"


def reflect_counts(connection: Connection) -> dict[str, int]:
    """How many rows each table holds."""
    held = MetaData()
    held.reflect(connection)
    return {table.name: connection.exec_driver_sql(f"SELECT count(*) FROM {table.name}").scalar() or 0
            for table in held.sorted_tables}
