"""What could not be read: repaired in place, all alike at once, and what is repaired lands exactly once."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import Engine, func, select

from operator_qos.connectors.formats.opening import open_records
from operator_qos.connectors.importing import ImportReport, import_rows
from operator_qos.connectors.mapping.applying import Applier
from operator_qos.connectors.mapping.rows import map_rows
from operator_qos.db import reading, unit_of_work
from operator_qos.events.models import Event
from operator_qos.events.quarantine import ingest_guarded
from operator_qos.events.service import Intake
from operator_qos.imports import service as runs
from operator_qos.imports.jobs import drop_old_files, run_imports
from operator_qos.imports.mappings import find_newest, list_newest, read_saved, save_mapping
from operator_qos.imports.quarantine import queries
from operator_qos.imports.quarantine.bulk import Change, change_row, repair_alike, write_change
from operator_qos.imports.quarantine.queries import Chosen, Held
from operator_qos.imports.quarantine.service import Repair, dismiss, repair
from operator_qos.imports.queries import find_run
from operator_qos.imports.store import ImportStore
from operator_qos.models import AuditRow
from operator_qos.sellers.service import add_marketplace

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MAPPING = """mapping: orders
source: /orders
marketplace: fr
timezone: Europe/Paris
shop: "{shop}"
events:
  - type: order.placed
    id: "{no}:placed"
    time: {column: at, format: "%d/%m/%Y"}
    subject: "{no}"
  - type: order.cancelled
    when: [{column: by, filled: true}]
    id: "{no}:cancelled"
    time: {column: at, format: "%d/%m/%Y"}
    subject: "{no}"
    data: {by: "{by}"}
"""
TABLE = """no,shop,at,by
A1,s,01/03/2026,
A2,s,2026-03-02,
A3,s,03/03/2026,martian
A4,s,04/03/2026,martian
A5,s,05/03/2026,martian,odd
A6,s,06/03/2026,seller
"""


def import_table(engine: Engine, folder: Path, table: str = TABLE) -> ImportReport:
    with unit_of_work(engine) as session:
        add_marketplace(session, marketplace_id="fr", timezone="Europe/Paris")
        saved = save_mapping(session, text=MAPPING, actor="ines", now=NOW)
    (folder / "t.csv").write_text(table)
    rows = map_rows(open_records(folder / "t.csv"), Applier(read_saved(saved.text), now=NOW), file="t.csv",
                    mapping_id=saved.id)
    return import_rows(engine, rows, key="t", name="t", now=NOW)


def held(engine: Engine, **chosen: object) -> list[Held]:
    with reading(engine) as session:
        return list(queries.list_held(session, Chosen(**chosen), offset=0, limit=100))  # type: ignore[arg-type]


def landed(engine: Engine) -> dict[str, int]:
    with reading(engine) as session:
        query = select(Event.event_id, func.count()).where(Event.subject != "s").group_by(Event.event_id)
        return {row[0]: row[1] for row in session.execute(query)}


def mend(engine: Engine, row: Held, **fields: str) -> Repair:
    raw = json.dumps({**json.loads(row.raw), **fields})
    with unit_of_work(engine) as session:
        return repair(session, row_id=row.id, raw=raw, actor="ines", now=NOW)


def test_bad_rows_name_row_and_column_and_repaired_they_land_once(engine: Engine, tmp_path: Path) -> None:
    report = import_table(engine, tmp_path)
    assert (report.counts.accepted, report.counts.quarantined) == (3, 4)
    waiting = {row.row: row for row in held(engine)}
    assert {number: (row.field, row.marketplace, row.shop) for number, row in waiting.items()} == {
        3: ("at", "fr", "s"), 4: ("by", "fr", "s"), 5: ("by", "fr", "s"), 6: ("row", "fr", "s")}
    assert mend(engine, waiting[3], at="02/03/2026").state == "landed"
    assert mend(engine, waiting[3], at="03/03/2026").state == "gone"
    assert landed(engine) == {"A1:placed": 1, "A2:placed": 1, "A6:placed": 1, "A6:cancelled": 1}
    # The same file again: what was repaired is neither set aside nor counted a second time.
    import_table(engine, tmp_path)
    assert sorted(row.row for row in held(engine)) == [4, 5, 6]
    assert landed(engine)["A2:placed"] == 1


def test_a_repair_that_is_still_wrong_changes_nothing_and_says_what_is(engine: Engine, tmp_path: Path) -> None:
    import_table(engine, tmp_path)
    row = next(row for row in held(engine) if row.row == 4)
    told = mend(engine, row, by="venusian")
    assert (told.state, told.problem and told.problem.field) == ("refused", "by")
    assert [other for other in held(engine) if other.id == row.id] == [row]
    assert "A3:placed" not in landed(engine)
    for raw, field in (("{", "line"), ("[]", "row"), ("3", "row"), ('{"no": "A3"}', "at")):
        with unit_of_work(engine) as session:
            found = repair(session, row_id=row.id, raw=raw, actor="ines", now=NOW).problem
            assert found is not None
            assert found.field == field


def test_of_two_people_repairing_one_row_at_once_one_is_heard(engine: Engine, tmp_path: Path) -> None:
    import_table(engine, tmp_path)
    row = next(row for row in held(engine) if row.row == 4)
    states: list[str] = []
    people = [Thread(target=lambda by=by: states.append(mend(engine, row, by=by).state)) for by in ("buyer", "seller")]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert sorted(states) == ["gone", "landed"]
    assert (landed(engine)["A3:placed"], landed(engine)["A3:cancelled"]) == (1, 1)


def test_a_value_replaced_in_all_rows_alike_leaves_the_others(engine: Engine, tmp_path: Path) -> None:
    import_table(engine, tmp_path)
    change = Change(column="by", old="martian", new="buyer")
    done = repair_alike(engine, chosen=Chosen(), change=change, actor="ines", now=NOW)
    # Row 6 holds martian too: without its odd last column, which no mapping looks at, it can be read.
    assert (done.landed, done.refused, done.unlike) == (3, 0, 1)
    assert [row.field for row in held(engine)] == ["at"]
    assert {"A3:cancelled", "A4:cancelled", "A5:cancelled"} <= landed(engine).keys()


def test_a_corrected_mapping_reads_what_the_first_could_not(engine: Engine, tmp_path: Path) -> None:
    import_table(engine, tmp_path)
    better = MAPPING.replace('format: "%d/%m/%Y"', 'format: ["%d/%m/%Y", iso]').replace(
        'data: {by: "{by}"}', "data: {by: {column: by, map: {martian: buyer, seller: seller}}}")
    with unit_of_work(engine) as session:
        saved = save_mapping(session, text=better, actor="ines", now=NOW)
        assert (saved.version, save_mapping(session, text=better, actor="ines", now=NOW).id) == (2, saved.id)
        found = find_newest(session, "orders")
        assert found is not None
        assert (found.version, [row.version for row in list_newest(session)]) == (2, [2])
    done = repair_alike(engine, chosen=Chosen(), change=Change(mapping_id=saved.id), actor="ines", now=NOW)
    assert (done.landed, done.refused, done.unlike) == (3, 1, 0)
    (odd,) = held(engine)  # its values may stand in the wrong columns: only somebody who looks at it can tell
    assert (odd.row, odd.field) == (6, "row")
    with unit_of_work(engine) as session:
        looked_at = repair(session, row_id=odd.id, raw=odd.raw, actor="ines", now=NOW, mapping_id=saved.id)
    assert (looked_at.state, held(engine)) == ("landed", [])
    assert {row.mapping_id for row in held(engine, settled=True)} == {saved.id}
    assert all(count == 1 for count in landed(engine).values())


def test_rows_repaired_together_land_but_for_those_that_are_refused(engine: Engine, tmp_path: Path) -> None:
    rows = range(30)
    table = "no,shop,at,by\n" + "".join(f"B{n},s{n % 3},soon,{'martian' if n % 7 == 6 else ''}\n" for n in rows)
    import_table(engine, tmp_path, table)
    known = {3, 10, 11}  # with another time: a conflict, which only the log can tell
    ingest_guarded(engine, [{
        "specversion": "1.0", "type": "qos.order.placed", "source": "/orders", "id": f"B{n}:placed", "subject": f"B{n}",
        "time": "2026-03-03T10:00:00Z", "marketplace": "fr", "shop": f"s{n % 3}"} for n in sorted(known)],
        intake=Intake(NOW, "t", open_shops=True))
    done = repair_alike(engine, chosen=Chosen(), change=Change("at", "soon", "04/03/2026"), actor="ines", now=NOW)
    assert (done.landed, done.refused, done.unlike) == (23, 7, 0)
    assert {row.row for row in held(engine)} == {n + 2 for n in known | {6, 13, 20, 27}}
    assert {row.outcome for row in held(engine, settled=True)} == {"landed"}
    assert landed(engine) == {f"B{n}:placed": 1 for n in rows if n not in {6, 13, 20, 27}}
    again = repair_alike(engine, chosen=Chosen(), change=Change("at", "soon", "04/03/2026"), actor="ines", now=NOW)
    assert (again.landed, again.refused) == (0, 7)
    given_up = repair_alike(engine, chosen=Chosen(), change=Change(dismiss=True), actor="ines", now=NOW)
    assert (given_up.landed, held(engine)) == (7, [])


def test_events_of_a_program_are_repaired_as_events_on_their_marketplace(engine: Engine, tmp_path: Path) -> None:
    import_table(engine, tmp_path, "no,shop,at,by\nA1,s,01/03/2026,\n")
    event = {"specversion": "1.0", "type": "qos.order.shiped", "source": "/feed", "id": "1", "subject": "A1",
             "time": "2026-03-02T10:00:00Z", "marketplace": "fr", "shop": "s"}
    ingest_guarded(engine, [event], intake=Intake(NOW, "key feed"))
    (row,) = held(engine, origin="key feed")
    told = mend(engine, row, type="qos.order.shipped", marketplace="elsewhere")
    assert (told.state, told.problem and told.problem.field) == ("refused", "marketplace")
    told = mend(engine, row, type="qos.order.shipped", shop="unheard of")
    assert (told.state, told.problem and told.problem.field) == ("refused", "shop")
    assert mend(engine, row, type="qos.order.shipped") == Repair("landed", 1)
    ingest_guarded(engine, [{**event, "type": "qos.order.shipped"}], intake=Intake(NOW, "key feed"))
    assert landed(engine) == {"A1:placed": 1, "1": 1}


def test_given_up_rows_stay_on_record_and_every_act_in_the_trail(engine: Engine, tmp_path: Path) -> None:
    import_table(engine, tmp_path)
    row = held(engine)[0]
    with unit_of_work(engine) as session:
        assert dismiss(session, row_id=row.id, actor="ines", now=NOW)
        assert not dismiss(session, row_id=row.id, actor="jana", now=NOW)
    (kept,) = held(engine, settled=True)
    assert (kept.outcome, kept.settled_by, kept.raw) == ("dismissed", "ines", row.raw)
    mend(engine, held(engine, field="at")[0], at="02/03/2026")
    with reading(engine) as session:
        query = select(AuditRow.action, AuditRow.actor).where(AuditRow.action.startswith("quarantine."))
        told = [tuple(row) for row in session.execute(query)]
    assert told == [("quarantine.dismissed", "ines"), ("quarantine.landed", "ines")]


def test_rows_are_found_by_origin_field_shop_and_words(engine: Engine, tmp_path: Path) -> None:
    import_table(engine, tmp_path)
    count = {name: len(held(engine, **{name: value})) for name, value in
             (("origin", "t.csv"), ("field", "by"), ("shop", "s"), ("marketplace", "es"), ("text", "MARTIAN"))}
    assert count == {"origin": 4, "field": 2, "shop": 4, "marketplace": 0, "text": 3}
    assert held(engine, text="100%") == []
    with reading(engine) as session:
        groups = queries.list_groups(session, Chosen())
        assert [(group.field, group.count) for group in groups] == [("by", 2), ("at", 1), ("row", 1)]


@pytest.mark.parametrize(("raw", "change", "after"), [
    ('{"a": "x"}', Change("a", "x", "y"), '{"a": "y"}'), ('{"a": " x "}', Change("a", "x", "y"), '{"a": "y"}'),
    ('{"a": "z"}', Change("a", "x", "y"), None), ('{"b": 1}', Change("a", "x", "y"), None),
    ('{"data": {"by": 1}}', Change("data.by", "1", "2"), '{"data": {"by": 2}}'),
    ('{"data.by": true}', Change("data.by", "true", "false"), '{"data.by": false}'),
    ('{"a": null}', Change("a", "", "y"), '{"a": "y"}'), ("not json", Change("a", "x", "y"), None),
    ("not json", Change(), "not json"),
])
def test_a_value_is_replaced_where_it_stands_and_keeps_its_kind(raw: str, change: Change, after: str | None) -> None:
    assert change_row(raw, change) == after


def draft(engine: Engine, store: ImportStore, tmp_path: Path) -> int:
    with unit_of_work(engine) as session:
        add_marketplace(session, marketplace_id="fr", timezone="Europe/Paris")
    (tmp_path / "t.csv").write_text(TABLE)
    with (tmp_path / "t.csv").open("rb") as content, unit_of_work(engine) as session:
        stored = store.keep("../t.csv", content)
        return runs.add_run(session, stored=stored, marketplace="fr", actor="ines", now=NOW).id


def test_a_started_import_is_worked_off_once_and_its_file_goes_after_a_week(engine: Engine, tmp_path: Path) -> None:
    store = ImportStore(tmp_path / "store")
    run_id = draft(engine, store, tmp_path)
    with unit_of_work(engine) as session:
        runs.queue_run(session, run_id=run_id, text=MAPPING, marketplace="fr", actor="ines", now=NOW)
    with unit_of_work(engine) as session, pytest.raises(runs.RunError):
        runs.queue_run(session, run_id=run_id, text=MAPPING, marketplace="fr", actor="jana", now=NOW)
    assert (run_imports(engine, store, now=NOW), run_imports(engine, store, now=NOW)) == (1, 0)
    with reading(engine) as session:
        run = find_run(session, run_id)
    assert run is not None
    assert (run.state, run.rows_done, run.counts.accepted, run.counts.quarantined) == ("done", 7, 3, 4)
    assert {row.origin for row in held(engine)} == {"t.csv (import 1)"}
    assert drop_old_files(engine, store, now=NOW) == 0
    assert drop_old_files(engine, store, now=NOW + runs.KEPT_FOR + runs.LOST_AFTER) == 1
    assert list((tmp_path / "store").iterdir()) == []


def test_an_import_whose_process_was_lost_is_taken_up_again(engine: Engine, tmp_path: Path) -> None:
    store = ImportStore(tmp_path / "store")
    run_id = draft(engine, store, tmp_path)
    with unit_of_work(engine) as session:
        runs.queue_run(session, run_id=run_id, text=MAPPING, marketplace="fr", actor="ines", now=NOW)
    with unit_of_work(engine) as session:
        assert runs.claim_run(session, now=NOW) is not None
        assert runs.claim_run(session, now=NOW) is None
    assert run_imports(engine, store, now=NOW) == 0
    assert run_imports(engine, store, now=NOW + 2 * runs.LOST_AFTER) == 1
    assert landed(engine) == {"A1:placed": 1, "A6:placed": 1, "A6:cancelled": 1}


def test_an_import_that_cannot_go_on_says_why_and_the_next_one_runs(engine: Engine, tmp_path: Path) -> None:
    store = ImportStore(tmp_path / "store")
    run_id = draft(engine, store, tmp_path)
    with unit_of_work(engine) as session:
        runs.queue_run(session, run_id=run_id, text=MAPPING, marketplace="fr", actor="ines", now=NOW)
        runs.add_repair_run(session, change=write_change(Chosen(), Change(dismiss=True)), actor="ines", now=NOW)
    for file in (tmp_path / "store").iterdir():
        file.unlink()
    assert run_imports(engine, store, now=NOW) == 2
    with reading(engine) as session:
        first, second = find_run(session, run_id), find_run(session, run_id + 1)
    assert first is not None
    assert second is not None
    assert (first.state, first.error) == ("failed", "The file is no longer there. Upload it again.")
    assert second.state == "done"
