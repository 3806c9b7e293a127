"""Versions of standards: written, announced, in force, replaced, retired; nothing published is written to."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from operator_qos.db import reading, unit_of_work
from operator_qos.models import AuditRow
from operator_qos.standards import queries, service
from operator_qos.standards.rules import Kept, State, VersionStateError, find_state, list_binding, renumber
from scoring.scopes import find_standard
from scoring.standards import Standard, StandardError, diff_standards, list_presets, load_preset, read_preset

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
OURS = read_preset("ours")


def draft(engine: Engine, text: str, now: datetime = NOW) -> Kept:
    with unit_of_work(engine) as session:
        return service.save_draft(session, text=text, actor="ines@example.org", now=now)


def publish(engine: Engine, version: int, *, name: str = "ours", ground: str | None = None) -> Kept:
    with unit_of_work(engine) as session:
        return service.publish(
            session, standard_id=name, version=version, why="Buyers see the day", legal_ground=ground,
            actor="ines@example.org", now=NOW,
        )


def state(engine: Engine, name: str, version: int, now: datetime) -> State:
    with reading(engine) as session:
        return find_state(queries.get_version(session, name, version), queries.list_versions(session), now)


def write(version: int, first: date) -> str:
    return renumber(OURS, version=version, effective_from=first)


def find_bound(session: Session, attributes: dict[str, str], on: date) -> Standard | None:
    """The standard of the versions kept that binds a shop of these attributes on a date."""
    return find_standard(list_binding(queries.list_versions(session)), attributes, on)


def test_the_standard_that_comes_with_the_product_is_in_force_from_the_first_start(engine: Engine) -> None:
    assert state(engine, "ours", 1, NOW) == State.EFFECTIVE
    with reading(engine) as session:
        assert find_bound(session, {"marketplace": "fr"}, date(2026, 6, 1)) == load_preset("ours")
        assert queries.find_next_number(session, "ours") == 2


def test_a_version_is_draft_then_published_then_effective_then_replaced_then_retired(engine: Engine) -> None:
    draft(engine, write(2, date(2026, 6, 16)))
    assert state(engine, "ours", 2, NOW) == State.DRAFT
    publish(engine, 2)
    assert state(engine, "ours", 2, NOW) == State.PUBLISHED
    assert state(engine, "ours", 1, NOW) == State.EFFECTIVE
    in_june = datetime(2026, 6, 16, tzinfo=UTC)
    assert (state(engine, "ours", 2, in_june), state(engine, "ours", 1, in_june)) == (State.EFFECTIVE, State.REPLACED)
    with unit_of_work(engine) as session:
        service.retire(session, standard_id="ours", version=2, why="wrong", actor="ines@example.org", now=in_june)
    assert (state(engine, "ours", 2, in_june), state(engine, "ours", 1, in_june)) == (State.RETIRED, State.EFFECTIVE)


def test_which_version_binds_follows_the_date(engine: Engine) -> None:
    draft(engine, write(2, date(2026, 6, 16)))
    publish(engine, 2)
    with reading(engine) as session:
        found = [
            find_bound(session, {}, day)
            for day in (date(2014, 12, 31), date(2026, 6, 15), date(2026, 6, 16))
        ]
    assert [standard and standard.version for standard in found] == [None, 1, 2]


@pytest.mark.parametrize(("first", "is_refused"), [(date(2026, 6, 15), True), (date(2026, 6, 16), False)])
def test_fifteen_days_of_notice_are_the_least(engine: Engine, first: date, is_refused: bool) -> None:
    draft(engine, write(2, first))
    if not is_refused:
        assert publish(engine, 2).published_at == NOW
        return
    with pytest.raises(StandardError, match="the first possible date is 2026-06-16, or name the legal ground") as told:
        publish(engine, 2)
    assert told.value.path == "effective_from"
    assert state(engine, "ours", 2, NOW) == State.DRAFT


def test_a_named_legal_ground_shortens_the_notice_and_another_does_not(engine: Engine) -> None:
    draft(engine, write(2, date(2026, 6, 2)))
    with pytest.raises(StandardError, match="is none of"):
        publish(engine, 2, ground="we_want_to")
    assert publish(engine, 2, ground="legal_duty").legal_ground == "legal_duty"


def test_what_is_published_is_never_written_again(engine: Engine) -> None:
    draft(engine, write(2, date(2026, 6, 16)))
    published = publish(engine, 2)
    with pytest.raises(VersionStateError, match="never changes; write version 3"):
        draft(engine, write(2, date(2026, 7, 1)))
    with pytest.raises(VersionStateError, match="never changes; write version 3"):
        draft(engine, OURS)
    with pytest.raises(VersionStateError, match="published already"):
        publish(engine, 2)
    with pytest.raises(VersionStateError, match="retire it instead"), unit_of_work(engine) as session:
        service.delete_draft(session, standard_id="ours", version=2, actor="a", now=NOW)
    with reading(engine) as session:
        assert queries.get_version(session, "ours", 2).text == published.text


def test_a_draft_is_written_over_and_deleted(engine: Engine) -> None:
    draft(engine, write(2, date(2026, 6, 16)))
    draft(engine, write(2, date(2026, 8, 1)), NOW + timedelta(hours=1))
    with reading(engine) as session:
        kept = queries.get_version(session, "ours", 2)
    assert (kept.standard.effective_from, kept.drafted_at) == (date(2026, 8, 1), NOW + timedelta(hours=1))
    with unit_of_work(engine) as session:
        service.delete_draft(session, standard_id="ours", version=2, actor="a", now=NOW)
    with reading(engine) as session, pytest.raises(queries.UnknownVersionError, match="there are: ours 1"):
        queries.get_version(session, "ours", 2)


def test_a_text_with_a_mistake_is_not_kept_and_the_line_is_named(engine: Engine) -> None:
    with pytest.raises(StandardError) as told:
        draft(engine, OURS.replace('kept_when: "<= 2 %"', 'kept_when: "about 2 %"'))
    place = OURS[: OURS.index('kept_when: "<= 2 %"')].count("\n") + 1
    assert (told.value.path, told.value.line) == ("rules[0].kept_when", place)
    with reading(engine) as session:
        assert [kept.key for kept in queries.list_versions(session)] == [("ours", 1)]


def test_two_standards_that_can_bind_one_shop_need_different_priorities(engine: Engine) -> None:
    first = write(1, date(2026, 7, 1)).replace("id: ours\n", "id: rival\n", 1)
    draft(engine, first)
    with pytest.raises(StandardError, match="ours can bind the same shops with priority 0") as told:
        publish(engine, 1, name="rival")
    assert told.value.path == "scope.priority"
    draft(engine, first + "\nscope: {priority: 1, marketplace: fr}\n")
    publish(engine, 1, name="rival")
    with reading(engine) as session:
        on = date(2026, 7, 1)
        bound = [find_bound(session, {"marketplace": name}, on) for name in ("fr", "es")]
    assert [standard and standard.id for standard in bound] == ["rival", "ours"]


def test_every_step_leaves_a_row_in_the_trail(engine: Engine) -> None:
    draft(engine, write(2, date(2026, 6, 16)))
    publish(engine, 2)
    with unit_of_work(engine) as session:
        service.retire(session, standard_id="ours", version=2, why="wrong", actor="b@example.org", now=NOW)
        service.take_over(session, preset="bol", actor="c@example.org", now=NOW)
        service.delete_draft(session, standard_id="bol", version=1, actor="d@example.org", now=NOW)
    with reading(engine) as session:
        found = session.scalars(select(AuditRow).order_by(AuditRow.id))
        rows = [(row.action, row.subject, row.actor, row.why) for row in found]
    assert rows == [
        ("standard.draft", "ours:2", "ines@example.org", ""),
        ("standard.publish", "ours:2", "ines@example.org", "Buyers see the day"),
        ("standard.retire", "ours:2", "b@example.org", "wrong"),
        ("standard.draft", "bol:1", "c@example.org", ""),
        ("standard.delete", "bol:1", "d@example.org", ""),
    ]


def test_every_preset_can_be_taken_over_as_a_draft_that_says_the_same(engine: Engine) -> None:
    with unit_of_work(engine) as session:
        for name in list_presets():
            kept = service.take_over(session, preset=name, actor="a", now=NOW)
            assert kept.is_draft and kept.standard.effective_from == date(2026, 6, 17)
            assert diff_standards(load_preset(name), kept.standard) == ()


def test_a_new_version_starts_as_a_copy_with_time_for_notice(engine: Engine) -> None:
    draft(engine, write(2, date(2027, 1, 1)))
    publish(engine, 2)
    with unit_of_work(engine) as session:
        kept = service.start_version(session, standard_id="ours", version=2, actor="a", now=NOW)
    assert (kept.standard.version, kept.standard.effective_from) == (3, date(2027, 1, 17))


def test_publishing_and_retiring_need_a_reason_and_the_shipped_one_stays(engine: Engine) -> None:
    draft(engine, write(2, date(2026, 6, 16)))
    with unit_of_work(engine) as session:
        with pytest.raises(StandardError, match="say why the rules change"):
            service.publish(session, standard_id="ours", version=2, why=" ", actor="a", now=NOW)
        with pytest.raises(StandardError, match="2001 characters"):
            service.publish(session, standard_id="ours", version=2, why="x" * 2001, actor="a", now=NOW)
        with pytest.raises(VersionStateError, match="is a draft; delete it instead"):
            service.retire(session, standard_id="ours", version=2, why="x", actor="a", now=NOW)
        with pytest.raises(VersionStateError, match="comes with the product"):
            service.retire(session, standard_id="ours", version=1, why="x", actor="a", now=NOW)


@pytest.mark.parametrize(("change", "path"), [
    (("timezone", "Atlantis/Capital"), "timezone"),
    (("id", "a" * 81), "id"),
])
def test_what_no_database_or_calendar_can_hold_is_refused_as_a_mistake(
    engine: Engine, change: tuple[str, str], path: str
) -> None:
    name, value = change
    text = write(2, date(2026, 7, 1)).replace("id: ours\n", "") if name == "id" else write(2, date(2026, 7, 1))
    with pytest.raises(StandardError) as told:
        draft(engine, f"{name}: {value}\n{text}")
    assert (told.value.path, told.value.line) == (path, 1)


def test_what_would_be_counted_wrongly_is_not_announced(engine: Engine) -> None:
    text = write(2, date(2026, 6, 16))
    assert "metric: late_shipment_rate," in text
    draft(engine, text.replace("metric: late_shipment_rate,", "metric: late_shipment_rate, weigh_by: quantity,"))
    with pytest.raises(StandardError, match=r"rules\[1\].weigh_by: no outcome says its quantity; switch the rule off"):
        publish(engine, 2)
    draft(engine, text.replace("metric: late_shipment_rate,", "metric: call_answered_rate,"))
    assert publish(engine, 2).published_at == NOW  # nothing is counted for it, and so it is not judged
