"""Engine, session and unit of work for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import orjson
from sqlalchemy import (
    URL,
    BigInteger,
    ColumnElement,
    Connection,
    DateTime,
    Engine,
    FromClause,
    Integer,
    MetaData,
    String,
    bindparam,
    cast,
    create_engine,
    event,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, Session, sessionmaker
from sqlalchemy.types import TypeDecorator

from operator_qos.settings import Pool

Item = TypeVar("Item")
USUAL_POOL = Pool()
MANY_SHOPS = 500

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC moment on every database; SQLite forgets the zone, this puts it back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a moment needs its zone, {value!r} has none")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# SQLite numbers rows by itself only for INTEGER PRIMARY KEY, hence the variant.
BigKey = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """Parent of every table; the constraint names are fixed so that migrations can name them."""

    metadata = MetaData(naming_convention=NAMING)


def write_json(value: object) -> str:
    """JSON text as the tables hold it."""
    return orjson.dumps(value).decode()


def _prepare_sqlite(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]  # a DBAPI connection
    connection.isolation_level = None  # type: ignore[attr-defined]  # we begin transactions ourselves
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=60000",
                   "cache_size=-65536", "temp_store=MEMORY"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: object) -> None:
    options = connection.get_execution_options()  # type: ignore[attr-defined]  # a Connection
    # A deferred BEGIN that turns into a write fails at once when another writer is busy; IMMEDIATE waits.
    connection.exec_driver_sql("BEGIN" if options.get("read_only") else "BEGIN IMMEDIATE")  # type: ignore[attr-defined]


def _create_postgresql_engine(url: URL, pool: Pool) -> Engine:
    # Behind PgBouncer the next transaction may meet another server process, which knows nothing prepared here.
    options: dict[str, Any] = {} if pool.prepares else {"prepare_threshold": None}
    return create_engine(url, isolation_level="READ COMMITTED", pool_size=pool.size, max_overflow=pool.overflow,
                         pool_timeout=pool.timeout_seconds, pool_pre_ping=True, connect_args=options,
                         json_serializer=write_json, json_deserializer=orjson.loads)


def create_database_engine(url: str, pool: Pool = USUAL_POOL) -> Engine:
    """An engine with the transaction behaviour the ledger relies on; creates SQLite's folder."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return _create_postgresql_engine(parsed, pool)
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, connect_args={"timeout": 60}, json_serializer=write_json,
                           json_deserializer=orjson.loads)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def find_pooler(connection: Connection) -> str:
    """What to do where a pooler stands between us and PostgreSQL; empty where none does."""
    reached = connection.connection.driver_connection
    # Whoever answers gives its own number at first, and only PostgreSQL's is that of the session.
    if reached is None or reached.info.backend_pid == connection.scalar(text("SELECT pg_backend_pid()")):
        return ""
    return ("a pooler stands in front of PostgreSQL, and this needs one session from beginning to end; set "
            "OPERATOR_QOS_DIRECT_DATABASE_URL to PostgreSQL's own address, then run it again")


@lru_cache(maxsize=8)
def get_engine(url: str, pool: Pool = USUAL_POOL) -> Engine:
    """The process-wide engine of a URL."""
    return create_database_engine(url, pool)


def create_session(engine: Engine, *, read_only: bool = False) -> Session:
    """A session; a read-only one never waits for SQLite's writer."""
    bind = engine.execution_options(read_only=True) if read_only else engine
    return sessionmaker(bind=bind, expire_on_commit=False)()


@contextmanager
def unit_of_work(engine: Engine) -> Iterator[Session]:
    """One writing transaction: commits at the end, rolls back on any error."""
    session = create_session(engine)
    try:
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        session.close()


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """One reading transaction; whatever it changed is rolled back."""
    session = create_session(engine, read_only=True)
    try:
        yield session
    finally:
        session.rollback()
        session.close()


def ask_once(session: Session, name: str, ask: Callable[[Session], Item]) -> Item:
    """What several parts of a page ask: a reading session remembers the answer, any other asks anew."""
    if not session.connection().get_execution_options().get("read_only"):
        return ask(session)
    answers: dict[str, Item] = session.info.setdefault("answers", {})
    if name not in answers:
        answers[name] = ask(session)
    return answers[name]


def bulk_insert(session: Session, model: type[Base], columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Insert many rows of plain values the database's fastest way; JSON columns take text. Does not commit."""
    if not rows:
        return
    connection = session.connection()
    cursor = connection.connection.cursor()
    names = ", ".join(columns)
    try:
        if connection.dialect.name == "sqlite":
            marks = ", ".join("?" * len(columns))
            cursor.executemany(f"INSERT INTO {model.__tablename__} ({names}) VALUES ({marks})", rows)  # noqa: S608  # names are ours
            return
        with cursor.copy(f"COPY {model.__tablename__} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    finally:
        cursor.close()


def chunks(items: Sequence[Item], size: int = 10_000) -> Iterator[Sequence[Item]]:
    """The items in pieces that fit a statement's parameters."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def among(session: Session, column: InstrumentedAttribute[Any], ids: Iterable[int]) -> ColumnElement[bool]:
    """Whether a whole-number column is one of many; one parameter, however many there are."""
    if session.get_bind().dialect.name == "postgresql":  # a text is read many times faster than a list is sent
        return column == func.any(cast(literal(_list_ids("{}", ids), String), ARRAY(BigInteger)))
    listed = func.json_each(_list_ids("[]", ids)).table_valued("value")
    return column.in_(select(listed.c.value))


def among_texts(session: Session, column: InstrumentedAttribute[Any], names: Iterable[str]) -> ColumnElement[bool]:
    """Whether a text column is one of many; one parameter, however many there are."""
    if session.get_bind().dialect.name == "postgresql":
        return column == func.any(cast(list(names), ARRAY(String)))
    listed = func.json_each(write_json(list(names))).table_valued("value")
    return column.in_(select(listed.c.value))


def _list_ids(brackets: str, ids: Iterable[int]) -> str:
    return brackets[0] + ",".join(map(str, ids)) + brackets[1]


def fetch_among(
    session: Session, model: type[Base], columns: Sequence[str], *, where: str, ids: Iterable[int],
) -> Sequence[tuple[Any, ...]]:
    """Plain rows of a table where a whole-number column is one of many, as the driver gives them."""
    cursor = _ask_driver(session, f"SELECT {', '.join(columns)} FROM {model.__tablename__} WHERE {where}", ids)  # noqa: S608  # names are ours
    try:
        return cursor.fetchall()  # type: ignore[no-any-return]  # of a DBAPI cursor
    finally:
        cursor.close()


def delete_among(session: Session, model: type[Base], *, where: str, ids: Iterable[int]) -> None:
    """Delete the rows of a table where a whole-number column is one of many. Does not commit."""
    _ask_driver(session, f"DELETE FROM {model.__tablename__} WHERE {where}", ids).close()  # noqa: S608  # names are ours


def _ask_driver(session: Session, statement: str, ids: Iterable[int]) -> Any:
    """A cursor of the driver itself: of thousands of rows most of the time would go into wrapping them."""
    connection = session.connection()
    cursor = connection.connection.cursor()
    if connection.dialect.name == "postgresql":
        cursor.execute(f"{statement} = ANY(CAST(%s AS bigint[]))", (_list_ids("{}", ids),))
    else:
        cursor.execute(f"{statement} IN (SELECT value FROM json_each(?))", (_list_ids("[]", ids),))  # noqa: S608
    return cursor


def write_array(values: object) -> str:
    """Numbers or texts as PostgreSQL reads an array, sent many times faster than a list. NaN and None are NULL.

    No text may hold a quote, a backslash or a control character.
    """
    written = orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    return f"{{{written[1:-1]}}}"


def one_of(dialect: str, column: InstrumentedAttribute[Any], name: str) -> ColumnElement[bool]:
    """Whether a whole-number column is one of those that `bind_numbers` binds to that name when the query is asked."""
    if dialect == "postgresql":
        return column == func.any(bindparam(name, type_=ARRAY(BigInteger)))
    return column.in_(select(func.json_each(bindparam(name)).table_valued("value").c.value))


def listed_pairs(dialect: str) -> FromClause:
    """The pairs of whole numbers that `bind_pairs` binds when the query is asked: a table of `first` and `second`."""
    if dialect == "postgresql":
        numbers = (cast(bindparam(name, type_=String), ARRAY(BigInteger)) for name in ("first", "second"))
        return func.unnest(*numbers).table_valued("first", "second").render_derived()
    pair = func.json_each(bindparam("pairs")).table_valued("value").c.value
    return select(func.json_extract(pair, "$[0]").label("first"),
                  func.json_extract(pair, "$[1]").label("second")).subquery()


def bind_numbers(dialect: str, numbers: Sequence[int]) -> object:
    """Whole numbers as one parameter of `one_of`."""
    return list(numbers) if dialect == "postgresql" else write_json(list(numbers))


def bind_pairs(dialect: str, pairs: Sequence[tuple[int, int]]) -> dict[str, object]:
    """Pairs of whole numbers as the parameters of `listed_pairs`."""
    if dialect == "postgresql":
        return {"first": write_array([first for first, _ in pairs]), "second": write_array([code for _, code in pairs])}
    return {"pairs": write_json(list(pairs))}


def lock_shops(session: Session, shop_ids: Iterable[int]) -> None:
    """Keep other writers away from these shops until the transaction ends; taken before any row of theirs is locked.

    Who wants very many takes all of them: the server's table of locks is small. SQLite's transaction holds the only
    writer anyway.
    """
    shops = sorted(set(shop_ids))
    if not shops or session.connection().dialect.name != "postgresql":
        return
    if len(shops) > MANY_SHOPS:
        session.execute(text("SELECT pg_advisory_xact_lock(7300, 0)"))
        return
    session.execute(text("SELECT pg_advisory_xact_lock_shared(7300, 0)"))
    # Each writer takes its locks in the same order, so that no two wait for each other.
    session.execute(text("SELECT pg_advisory_xact_lock(7301, shop) FROM (SELECT unnest(CAST(:shops AS integer[])) "
                         "AS shop ORDER BY 1) AS wanted"), {"shops": shops})
