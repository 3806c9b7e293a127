"""Which dossier an event belongs to, worked out for all events at once, in statements that every engine runs.

What `events/dossiers.py` does to each batch as it comes is here done to whole tables, with the same result: a dossier's
id is the smallest hash of the things it speaks of.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from operator_qos.lake.engines import Engine
from scoring.events import RANKS

MOST_HELD = 20_000_000  # pairs of things that fit into memory with ease: about 2 GiB while they are joined
MOST_ROUNDS = 60  # each at least halves the longest chain of things; a dossier of 2^60 things there is not
_SHOP_RANKS = ", ".join(str(rank) for name, rank in RANKS.items() if name.startswith("shop."))

# A source and id with several contents: the smallest content stands. Which came first nobody knows here.
_REPEATED = """
SELECT source, event_id, min(content) AS content, count(DISTINCT content) AS contents, count(*) AS times
FROM log WHERE reason IS NULL GROUP BY source, event_id HAVING count(*) > 1"""
_FIRST = """
SELECT l.* FROM log l LEFT JOIN repeated r ON r.source = l.source AND r.event_id = l.event_id
WHERE l.reason IS NULL AND (r.content IS NULL OR r.content = l.content)"""
# Retractions that name an event of another shop or a later one; our own export holds none.
_MISNAMED = """
SELECT DISTINCT r.source, r.event_id,
  CASE WHEN n.shop_id <> r.shop_id THEN 'names an event of another shop; a retraction stays within its shop'
       ELSE 'names a later event; only an earlier one can be retracted' END AS reason
FROM standing r JOIN standing n ON n.source = r.names_source AND n.event_id = r.names_id
WHERE r.type_rank = {retracted} AND NOT r.is_typed AND (
  n.shop_id <> r.shop_id OR n.at_ms > r.at_ms OR (n.at_ms = r.at_ms AND (n.type_rank > r.type_rank OR (
    n.type_rank = r.type_rank AND (n.source > r.source OR (n.source = r.source AND n.event_id > r.event_id))))))"""
_KEPT = """
SELECT s.* FROM standing s LEFT JOIN misnamed m ON m.source = s.source AND m.event_id = s.event_id
WHERE m.source IS NULL"""
_NAMED = "SELECT DISTINCT named AS own FROM kept WHERE named IS NOT NULL"
_EDGES = """
SELECT DISTINCT x, y FROM (
  SELECT a AS x, b AS y FROM kept WHERE b IS NOT NULL
  UNION ALL SELECT a AS x, c AS y FROM kept WHERE c IS NOT NULL
  UNION ALL SELECT k.a AS x, k.own AS y FROM kept k JOIN named n ON n.own = k.own WHERE k.a IS NOT NULL) e
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
# What is said about an event of the shop itself is about the shop, too.
_ASIDE = """
SELECT DISTINCT coalesce(l.label, k.own) AS label
FROM kept k JOIN named n ON n.own = k.own LEFT JOIN {labels} l ON l.node = k.own
WHERE k.type_rank IN ({shop_ranks})"""
_EVENTS = """
SELECT k.shop_id,
  CASE WHEN k.type_rank IN ({shop_ranks}) OR s.label IS NOT NULL THEN NULL ELSE coalesce(l.label, k.a) END
    AS dossier_id,
  k.type_rank, k.at_ms, k.other_ms, k.source, k.event_id, k.subject, k.data
FROM kept k LEFT JOIN {labels} l ON l.node = k.a LEFT JOIN aside s ON s.label = coalesce(l.label, k.a)"""


def link_events(engine: Engine, work: Path, *, most_held: int = MOST_HELD) -> None:
    """From the table `log` the tables `repeated`, `misnamed`, `kept` and `linked`: what stands, with its dossier.

    Up to `most_held` pairs of things are joined here and at once; more are joined by the engine, round by round.
    """
    misnamed = _MISNAMED.format(retracted=RANKS["event.retracted"])
    engine.create("repeated", _REPEATED)
    engine.view("standing", _FIRST)
    engine.create("misnamed", misnamed)
    engine.create("kept", _KEPT)
    engine.view("named", _NAMED)
    engine.create("edges", _EDGES)
    labels = _settle_at_hand(engine, work) if _count(engine, "edges") <= most_held else _settle_labels(engine)
    engine.view("aside", _ASIDE.format(labels=labels, shop_ranks=_SHOP_RANKS))
    engine.create("linked", _EVENTS.format(labels=labels, shop_ranks=_SHOP_RANKS))


def _count(engine: Engine, table: str) -> int:
    return int(engine.fetch(f"SELECT count(*) AS pairs FROM {table}").column("pairs")[0].as_py())  # noqa: S608  # ours


def _settle_at_hand(engine: Engine, work: Path) -> str:
    """As `_settle_labels`, on whole columns in memory."""
    edges = engine.fetch("SELECT x, y FROM edges")
    ends = [edges.column(name).to_numpy() for name in ("x", "y")]
    nodes, places = np.unique(np.concatenate(ends), return_inverse=True)
    first, second = places[: len(edges)], places[len(edges) :]
    graph = coo_array((np.ones(len(edges), dtype=np.int8), (first, second)), shape=(len(nodes), len(nodes)))
    _, groups = connected_components(graph, directed=False)
    # Nodes are sorted: the first of a group is its smallest.
    _, firsts, group_of = np.unique(groups, return_index=True, return_inverse=True)
    folder = work / "labels"
    folder.mkdir()
    labels = nodes[firsts][group_of] if len(nodes) else nodes
    pq.write_table(pa.table({"node": pa.array(nodes, pa.int64()), "label": pa.array(labels, pa.int64())}),
                   folder / "part-0.parquet")
    engine.open("labels", folder)
    return "labels"


def _settle_labels(engine: Engine) -> str:
    """The table in which every thing has the smallest thing it hangs together with."""
    engine.create("labels_0", _START)
    for number in range(1, MOST_ROUNDS):
        before, now = f"labels_{number - 1}", f"labels_{number}"
        engine.create(now, _JUMP.format(labels=before))
        if engine.fetch(_CHANGED.format(now=now, before=before)).column("changed")[0].as_py() == 0:
            return now
    return f"labels_{MOST_ROUNDS - 1}"
