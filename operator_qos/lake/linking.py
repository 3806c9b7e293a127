"""Which dossier an event belongs to, worked out for all events at once, in statements that every engine runs.

What `events/dossiers.py` does to each batch as it comes is here done to whole tables, with the same result: a dossier's
id is the smallest hash of the things it speaks of.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from operator_qos.lake.engines import Engine
from scoring.events import RANKS

Int64s = NDArray[np.int64]
MOST_HELD = 20_000_000  # ties that fit into memory with ease: about 2 GiB while they are joined
MOST_ROUNDS = 60  # each at least halves the longest chain of things; a dossier of 2^60 things there is not
_SHOP_RANKS = ", ".join(str(rank) for name, rank in RANKS.items() if name.startswith("shop."))
_TIES = pa.schema([*((name, pa.int64()) for name in ("a", "b", "c", "own")), ("type_rank", pa.int32())])

# Tables that are kept are small: what repeats, names another event or ties things together. The log itself is read
# again instead, a few of its columns at a time, and joined with what is small enough to be sent to every executor.

# A source and id with several contents: the smallest content stands. Which came first nobody knows here.
_REPEATED = """
SELECT source, event_id, min(content) AS content, min(content) <> max(content) AS in_conflict
FROM log WHERE reason IS NULL GROUP BY source, event_id HAVING count(*) > 1"""
_STANDING = """
SELECT l.* FROM log l LEFT JOIN repeated r ON r.source = l.source AND r.event_id = l.event_id
WHERE l.reason IS NULL AND (r.content IS NULL OR r.content = l.content)"""
_NAMING = """
SELECT source, event_id, shop_id, type_rank, at_ms, is_typed, named, names_source, names_id
FROM standing WHERE named IS NOT NULL"""
# Retractions that name an event of another shop or a later one; our own export holds none.
_MISNAMED = """
SELECT DISTINCT r.source, r.event_id,
  CASE WHEN n.shop_id <> r.shop_id THEN 'names an event of another shop; a retraction stays within its shop'
       ELSE 'names a later event; only an earlier one can be retracted' END AS reason
FROM naming r JOIN standing n ON n.source = r.names_source AND n.event_id = r.names_id
WHERE r.type_rank = {retracted} AND NOT r.is_typed AND (
  n.shop_id <> r.shop_id OR n.at_ms > r.at_ms OR (n.at_ms = r.at_ms AND (n.type_rank > r.type_rank OR (
    n.type_rank = r.type_rank AND (n.source > r.source OR (n.source = r.source AND n.event_id > r.event_id))))))"""
_KEPT = """
SELECT s.* FROM standing s LEFT JOIN misnamed m ON m.source = s.source AND m.event_id = s.event_id
WHERE m.source IS NULL"""
_NAMED = """
SELECT DISTINCT n.named AS own FROM naming n LEFT JOIN misnamed m ON m.source = n.source AND m.event_id = n.event_id
WHERE m.source IS NULL"""
# What one event ties together: the things it speaks of (a with b and with c), and itself where another names it.
_TIED = """
SELECT k.a, k.b, k.c, n.own, k.type_rank FROM kept k LEFT JOIN named n ON n.own = k.own
WHERE k.b IS NOT NULL OR k.c IS NOT NULL OR n.own IS NOT NULL"""
_EDGES = """
SELECT DISTINCT x, y FROM (
  SELECT a AS x, b AS y FROM ties WHERE b IS NOT NULL
  UNION ALL SELECT a AS x, c AS y FROM ties WHERE c IS NOT NULL
  UNION ALL SELECT a AS x, own AS y FROM ties WHERE a IS NOT NULL AND own IS NOT NULL) e
WHERE x <> y"""
_START = """
SELECT node, min(label) AS label FROM (
  SELECT x AS node, y AS label FROM edges UNION ALL SELECT y AS node, x AS label FROM edges
  UNION ALL SELECT x AS node, x AS label FROM edges UNION ALL SELECT y AS node, y AS label FROM edges) e
GROUP BY node"""
_SPREAD = """
SELECT node, min(label) AS label FROM (
  SELECT e.x AS node, l.label FROM edges e JOIN {labels} l ON l.node = e.y
  UNION ALL SELECT e.y AS node, l.label FROM edges e JOIN {labels} l ON l.node = e.x
  UNION ALL SELECT node, label FROM {labels}) e
GROUP BY node"""
_JUMP = """
WITH spread AS (""" + _SPREAD + """)
SELECT n.node, least(n.label, p.label) AS label FROM spread n JOIN spread p ON p.node = n.label"""
_CHANGED = "SELECT count(*) AS changed FROM {now} n JOIN {before} b ON b.node = n.node WHERE n.label <> b.label"
# What is said about an event of the shop itself is about the shop, too: the things such talk hangs together with.
_ASIDE = """
WITH aside AS (
  SELECT DISTINCT coalesce(l.label, t.own) AS label FROM ties t LEFT JOIN {labels} l ON l.node = t.own
  WHERE t.own IS NOT NULL AND t.type_rank IN ({shop_ranks}))
SELECT label AS node FROM aside UNION SELECT l.node FROM {labels} l JOIN aside s ON s.label = l.label"""
_OF_SHOPS = """
SELECT k.* FROM kept k LEFT JOIN aside s ON s.node = k.a WHERE k.type_rank IN ({shop_ranks}) OR s.node IS NOT NULL"""
_LINKED = """
SELECT k.shop_id,
  CASE WHEN k.type_rank IN ({shop_ranks}) OR s.node IS NOT NULL THEN NULL ELSE coalesce(l.label, k.a) END
    AS dossier_id,
  k.type_rank, k.at_ms, k.other_ms, k.source, k.event_id, k.subject, k.data
FROM kept k LEFT JOIN {labels} l ON l.node = k.a LEFT JOIN aside s ON s.node = k.a"""


def link_events(engine: Engine, work: Path, *, most_held: int = MOST_HELD) -> None:
    """From the table `log` the tables `repeated`, `misnamed`, `kept`, `of_shops` and `linked`.

    Those are what stands, what of it is about a shop itself, and each event with its dossier. Up to `most_held` ties
    are joined here and at once; more are joined by the engine, round by round.
    """
    engine.create("repeated", _REPEATED)
    engine.view("standing", _STANDING)
    engine.create("naming", _NAMING)
    engine.create("misnamed", _MISNAMED.format(retracted=RANKS["event.retracted"]))
    engine.view("kept", _KEPT)
    engine.view("named", _NAMED)
    engine.create("ties", _TIED)
    few = ds.dataset(work / "ties", schema=_TIES, format="parquet").count_rows() <= most_held
    names = {"labels": _settle_at_hand(engine, work) if few else _settle_labels(engine), "shop_ranks": _SHOP_RANKS}
    engine.create("aside", _ASIDE.format(**names))
    engine.view("of_shops", _OF_SHOPS.format(**names))
    engine.view("linked", _LINKED.format(**names))


def _settle_at_hand(engine: Engine, work: Path) -> str:
    """As `_settle_labels`, on whole columns in memory; a thing that is the smallest itself is left out."""
    first, second = _list_pairs(ds.dataset(work / "ties", schema=_TIES, format="parquet").to_table())
    nodes, places = np.unique(np.concatenate([first, second]), return_inverse=True)
    ends = places[: len(first)], places[len(first) :]
    graph = coo_array((np.ones(len(first), dtype=np.int8), ends), shape=(len(nodes), len(nodes)))
    _, groups = connected_components(graph, directed=False)
    # Nodes are sorted: the first of a group is its smallest.
    _, firsts, group_of = np.unique(groups, return_index=True, return_inverse=True)
    labels = nodes[firsts][group_of] if len(nodes) else nodes
    moved = nodes != labels
    folder = work / "labels"
    folder.mkdir()
    pq.write_table(pa.table({"node": nodes[moved], "label": labels[moved]}), folder / "part-0.parquet")
    engine.open("labels", folder)
    return "labels"


def _list_pairs(ties: pa.Table) -> tuple[Int64s, Int64s]:
    """The things tied in pairs: one column of each side."""
    found = []
    for other in ("b", "c", "own"):
        both = ties.filter(pc.field("a").is_valid() & pc.field(other).is_valid())
        found.append([both.column(name).to_numpy() for name in ("a", other)])
    first, second = (np.concatenate(side) for side in zip(*found, strict=True))
    return first, second


def _settle_labels(engine: Engine) -> str:
    """The table in which every thing has the smallest thing it hangs together with."""
    engine.create("edges", _EDGES)
    engine.create("labels_0", _START)
    for number in range(1, MOST_ROUNDS):
        before, now = f"labels_{number - 1}", f"labels_{number}"
        engine.create(now, _JUMP.format(labels=before))
        if engine.fetch(_CHANGED.format(now=now, before=before)).column("changed")[0].as_py() == 0:
            return now
    return f"labels_{MOST_ROUNDS - 1}"
