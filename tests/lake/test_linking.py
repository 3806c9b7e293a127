"""Linking gives the dossiers that a slow walk over the events gives, joined at hand or by the engine in rounds."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from operator_qos.lake.engines import DuckEngine
from operator_qos.lake.linking import MOST_HELD, link_events
from operator_qos.lake.tables import LOG
from scoring.events import RANKS
from tests.lake.world import quiet

Row = dict[str, Any]
RETRACTED, OPENED = RANKS["event.retracted"], RANKS["shop.opened"]
_OTHERS = [RANKS["order.placed"], RANKS["message.sent"], RANKS["order.shipped"]]
_COLUMNS = ("shop_id", "type_rank", "at_ms", "source", "event_id")
Place = tuple[Any, ...]


def random_log(seed: int) -> list[Row]:
    """Events of two shops that share ids, things and instants; some come twice, some contradict, some name others."""
    draw = random.Random(seed)
    rows = [_event(draw, number) for number in range(draw.randrange(60))]
    rows += [dict(row) for row in draw.sample(rows, len(rows) // 5)]
    rows += [{**row, "content": f"{draw.randrange(9)}", "at_ms": draw.randrange(5)}
             for row in draw.sample(rows, len(rows) // 8)]
    refused = {"source": "s", "event_id": "e0", "reason": "is no event", "field": "id"}
    return [*rows, refused] if draw.randrange(2) else rows


def _event(draw: random.Random, number: int) -> Row:
    shop, source, name = 1 + number % 2, _source_of(number), f"e{number}"
    row = {"shop_id": shop, "at_ms": draw.randrange(5), "source": source, "event_id": name, "subject": "x",
           "data": "{}", "content": f"{draw.randrange(9)}", "is_typed": draw.randrange(4) == 0,
           "own": _own(shop, source, name)}
    kind = draw.randrange(8)
    if kind == 0:
        return {**row, "type_rank": OPENED}
    things = draw.sample([shop * 100 + number for number in range(12)], draw.randrange(1, 3))
    if kind > 2:
        return {**row, "type_rank": draw.choice(_OTHERS), **dict(zip("abc", things, strict=False))}
    other = draw.randrange(60)
    named = _source_of(other), f"e{other}"
    things = [_own(shop, *named)] if kind == 1 else [things[0], _own(shop, *named)]
    return {**row, "type_rank": RETRACTED, "named": _own(shop, *named), "names_source": named[0], "names_id": named[1],
            **dict(zip("abc", things, strict=False))}


def _source_of(number: int) -> str:
    return "st"[number // 2 % 2]


def _own(shop: int, source: str, name: str) -> int:
    return shop * 10_000 + ord(source) * 61 + int(name[1:])


def link_slowly(log: list[Row]) -> set[tuple[Place, int | None]]:
    """Each row that stands, with its dossier: things are given the smallest they hang together with, one by one."""
    kept = list(_list_kept(log))
    named = {row["named"] for row in kept if row.get("named")}
    label: dict[int, int] = {}
    for row in kept:
        tied = [row[name] for name in "abc" if row.get(name)] + ([row["own"]] if row["own"] in named else [])
        groups = {label.setdefault(thing, thing) for thing in tied}
        label |= {thing: min(groups) for thing, group in label.items() if group in groups}
    aside = {label[row["own"]] for row in kept if row["type_rank"] == OPENED and row["own"] in named}
    return {(_place_of(row), None if row["type_rank"] == OPENED or label[row["a"]] in aside else label[row["a"]])
            for row in kept}


def _list_kept(log: list[Row]) -> Iterator[Row]:
    """The rows that stand, misnamed retractions left out."""
    read = [row for row in log if "reason" not in row]
    contents: dict[tuple[str, str], set[str]] = {}
    for row in read:
        contents.setdefault((row["source"], row["event_id"]), set()).add(row["content"])
    standing = [row for row in read if row["content"] == min(contents[row["source"], row["event_id"]])]
    misnamed = {(row["source"], row["event_id"]) for row in standing for other in standing
                if row["type_rank"] == RETRACTED and not row["is_typed"]
                and (row["names_source"], row["names_id"]) == (other["source"], other["event_id"])
                and (other["shop_id"] != row["shop_id"] or _order_of(other) > _order_of(row))}
    return (row for row in standing if (row["source"], row["event_id"]) not in misnamed)


def _order_of(row: Row) -> Place:
    return row["at_ms"], row["type_rank"], row["source"], row["event_id"]


def _place_of(row: Row) -> Place:
    return tuple(row[name] for name in _COLUMNS)


def link(folder: Path, log: list[Row], most_held: int) -> tuple[set[tuple[Place, int | None]], set[Place]]:
    """The linked rows, and those about a shop itself, as DuckDB gives them."""
    engine = DuckEngine(folder / "_work", parts=1, on_progress=quiet, processes=1)
    (folder / "log").mkdir()
    pq.write_table(pa.Table.from_pylist(log, schema=LOG), folder / "log" / "part-0.parquet")
    engine.open("log", folder / "log")
    link_events(engine, folder / "_work", most_held=most_held)
    linked, of_shops = (engine.fetch(f"SELECT * FROM {table}").to_pylist() for table in ("linked", "of_shops"))
    engine.close()
    return {(_place_of(row), row["dossier_id"]) for row in linked}, {_place_of(row) for row in of_shops}


@pytest.mark.parametrize("most_held", [MOST_HELD, 0], ids=["at hand", "in rounds"])
def test_dossiers_are_those_of_a_slow_walk(tmp_path: Path, most_held: int) -> None:
    seen = dict.fromkeys(("shops", "merged", "aside"), 0)
    for seed in range(25):
        log = random_log(seed)
        expected = link_slowly(log)
        linked, of_shops = link(tmp_path / str(seed), log, most_held)
        assert linked == expected
        assert of_shops == {place for place, dossier in expected if dossier is None}
        first = {_place_of(row): row.get("a") for row in log if "reason" not in row}
        seen["shops"] += len(of_shops)
        seen["merged"] += sum(dossier not in {None, first[place]} for place, dossier in linked)
        seen["aside"] += sum(dossier is None and first[place] is not None for place, dossier in linked)
    assert min(seen.values()) > 10, seen
