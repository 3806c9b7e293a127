"""Mappings: what they make of rows, what is wrong with them, what is proposed."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime
from pathlib import Path
from time import process_time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from operator_qos.connectors.formats.opening import open_records
from operator_qos.connectors.formats.records import Layout, Record
from operator_qos.connectors.mapping.applying import Applier, RowRefused
from operator_qos.connectors.mapping.column_names import NAMES, score
from operator_qos.connectors.mapping.model import Mapping, mapping_schema
from operator_qos.connectors.mapping.proposing import find_format, guess_parts, propose
from operator_qos.connectors.mapping.reading import MappingError, list_ready, parse_mapping, read_ready
from operator_qos.connectors.mapping.rows import event_rows, map_rows, sample_rows
from operator_qos.connectors.mapping.values import Unfit, as_flag, as_minor
from operator_qos.connectors.rows import BadRow, EventRow
from scoring.event_types import MODELS
from scoring.events import read_event

NOW = datetime(2026, 6, 1, tzinfo=UTC)
HEAD = """
mapping: shop-export
source: /export
marketplace: fr
timezone: Europe/Paris
shop: "{Shop}"
maps:
  who: {shop: seller, client: buyer, "*": unknown}
events:
"""
PLACED = """
  - type: order.placed
    id: "{No}:placed"
    time: {column: Ordered, format: "%d/%m/%Y %H:%M"}
    subject: "{No}"
    data:
      ship_by: {column: Ship by, format: "%d/%m/%Y"}
      business: "{Pro}"
    lines:
      - {line: "1", category: "{Kind}", amount_minor: {column: Total, decimals: 2}}
"""
CANCELLED = """
  - type: order.cancelled
    when:
      - {column: State, is: [annulée, cancelled]}
    id: "{No}:cancelled"
    time: {column: Ended}
    subject: "{No}"
    data: {by: {column: By, map: who}}
"""
ROW = {"No": "A1", "Shop": "s1", "Ordered": "02/03/2026 10:00", "Ship by": "05/03/2026", "Pro": "oui", "Kind": "toys",
       "Total": "1 234,50 €", "State": "Annulée", "Ended": "2026-03-04", "By": "Client"}


def events_of(text: str, row: dict[str, object]) -> list[dict[str, object]]:
    return Applier(parse_mapping(text), now=NOW).events(row)


def refused(text: str, row: dict[str, object]) -> tuple[str, str]:
    with pytest.raises(RowRefused) as raised:
        events_of(text, row)
    return raised.value.field, raised.value.reason


def mistakes(text: str, columns: list[str] | None = None) -> list[tuple[int, int, str]]:
    with pytest.raises(MappingError) as raised:
        parse_mapping(text, columns=columns)
    return [(mistake.line, mistake.column, mistake.path) for mistake in raised.value.mistakes]


def test_a_row_gives_each_event_whose_condition_holds() -> None:
    placed, cancelled = events_of(HEAD + PLACED + CANCELLED, dict(ROW))
    assert placed == {
        "specversion": "1.0", "type": "qos.order.placed", "source": "/export", "id": "A1:placed",
        "time": "2026-03-02T09:00:00Z", "subject": "A1", "marketplace": "fr", "shop": "s1",
        "data": {"ship_by": "2026-03-05", "business": True,
                 "lines": [{"line": "1", "category": "toys", "amount_minor": 123450}]}}
    assert (cancelled["type"], cancelled["data"]) == ("qos.order.cancelled", {"by": "buyer"})
    assert len(events_of(HEAD + PLACED + CANCELLED, {**ROW, "State": "sent"})) == 1


def test_of_a_day_without_an_hour_nobody_is_judged_by_a_guess() -> None:
    event = events_of(HEAD + CANCELLED, dict(ROW))[0]
    # The day of 4 March in Paris; what the seller did would take its beginning, all else takes its end.
    assert (event["time"], event["other_time"]) == ("2026-03-04T22:59:59Z", "2026-03-03T23:00:00Z")
    shipped = CANCELLED.replace("order.cancelled", "order.shipped").partition("    data:")[0]
    event = events_of(HEAD + shipped, dict(ROW))[0]
    assert (event["time"], event["other_time"]) == ("2026-03-03T23:00:00Z", "2026-03-04T22:59:59Z")


@pytest.mark.parametrize(("column", "value", "words"), [
    ("Ordered", "31/13/2026 10:00", "not written as %d/%m/%Y %H:%M"), ("Ordered", "", "is empty"),
    ("Ordered", "01/01/1999 00:00", "before the year 2000"), ("Ordered", "03/06/2026 10:00", "more than a day ahead"),
    ("Ship by", "soon", "“soon”"), ("Total", "12.345,678", "more than 2 decimals"), ("Total", "twelve", "no number"),
    ("Total", "-5", "below zero"), ("Pro", "perhaps", "neither yes nor no"), ("No", " ", "is empty"),
    ("Shop", None, "is empty"),
])
def test_what_is_wrong_in_a_row_names_the_column(column: str, value: object, words: str) -> None:
    field, reason = refused(HEAD + PLACED, {**ROW, column: value})
    assert field == column
    assert words in reason


def test_a_word_that_no_map_knows_is_told_unless_the_map_has_a_meaning_for_the_rest() -> None:
    assert events_of(HEAD + CANCELLED, {**ROW, "By": "martian"})[0]["data"] == {"by": "unknown"}
    strict = HEAD.replace(', "*": unknown', "") + CANCELLED
    assert refused(strict, {**ROW, "By": "martian"})[1].startswith("By is “martian”, which the map does not know")


def test_a_time_without_zone_needs_one_in_the_mapping() -> None:
    text = (HEAD + PLACED).replace("timezone: Europe/Paris\n", "")
    assert "Name the `timezone`" in refused(text, dict(ROW))[1]


@pytest.mark.parametrize(("text", "decimals", "minor"), [
    ("12.50", 2, 1250), ("12,5", 2, 1250), ("1.234,50", 2, 123450), ("1,234.50", 2, 123450), ("1 234,50 €", 2, 123450),
    ("EUR 7", 2, 700), ("1.234", 2, 123400), ("1'000.05", 2, 100005), ("1250", 0, 1250), (12.5, 2, 1250), (3, 2, 300),
    ("1.234.567", 2, 123456700), ("0,05", 2, 5),
])
def test_money_is_read_as_people_write_it(text: object, decimals: int, minor: int) -> None:
    assert as_minor(text, decimals) == minor


@given(st.integers(0, 10**11), st.sampled_from([(",", "."), (".", ","), ("\u202f", ","), ("", ".")]))
def test_money_written_with_thousands_and_two_decimals_comes_back(minor: int, signs: tuple[str, str]) -> None:
    whole = f"{minor // 100:,}".replace(",", signs[0])
    assert as_minor(f"{whole}{signs[1]}{minor % 100:02}", 2) == minor


@pytest.mark.parametrize("text", ["nan", "inf", "1e5", "--1", "9" * 50, "1.2.3,4,5", ""])
def test_what_is_no_money_is_refused(text: str) -> None:
    with pytest.raises(Unfit):
        as_minor(text, 2)
    with pytest.raises(Unfit):
        as_minor(float("nan"), 2)


def test_yes_and_no_are_known_in_six_languages() -> None:
    assert [as_flag(word) for word in ("Oui", "ja", "sí", "sim", "vero", True)] == [True] * 6
    assert [as_flag(word) for word in ("Non", "nein", "no", "não", "FALSO", False)] == [False] * 6


def test_every_mistake_is_told_with_its_line_and_column() -> None:
    text = "mapping: Bad Name\nsource: /x\nevents:\n  - type: order.placed\n    id: x\n    tim: x\n    subject: x\n"
    assert mistakes(text) == [(1, 1, "mapping"), (4, 5, "events[0].time"), (6, 5, "events[0].tim")]
    wrong = HEAD + """
  - type: order.shiped
    id: "{No}"
    time: "{At}"
    subject: "{No}"
  - type: message.sent
    id: "{No}"
    time: {column: At, timezone: Mars/Base}
    subject: "{No}"
    when:
      - {column: At}
    data: {author: byer, colour: red, order: {column: A, text: "{B}"}, channel: {column: A, map: nowhere}}
"""
    found = mistakes(wrong)
    assert [path for _, _, path in found] == [
        "events[0].type", "events[1].time.timezone", "events[1].when[0]", "events[1].data.author",
        "events[1].data.colour", "events[1].data.order", "events[1].data.channel.map"]
    assert found[0][:2] == (11, 5)


def test_a_column_that_the_file_lacks_is_told_with_the_nearest_one_there_is() -> None:
    with pytest.raises(MappingError, match=r"no column 'Total'; did you mean 'Totals'\?"):
        parse_mapping(HEAD + PLACED, columns=["No", "Shop", "Ordered", "Ship by", "Pro", "Kind", "Totals"])


@pytest.mark.parametrize(("text", "words"), [
    ("", "begin with"), ("- a\n", "begin with"), ("a: [", "not YAML"), ("a: 1\na: 2\n", "given twice"),
    ("a: &x [1]\nb: *x\n", "aliases are not read"), ("[" * 1_500, "nested too deep"), ("a: \x00", "not YAML"),
    ("x" * 200_001, "longer than 200,000"), ("a: !!python/object/apply:os.system [ls]\n", "not YAML"),
])
def test_a_text_that_is_no_mapping_runs_nothing_and_says_why(text: str, words: str) -> None:
    with pytest.raises(MappingError, match=words):
        parse_mapping(text)


def test_money_without_its_decimals_and_types_that_no_table_tells_are_refused() -> None:
    assert mistakes((HEAD + PLACED).replace(", decimals: 2", ""))[0][2] == "events[0].lines[0].amount_minor"
    assert mistakes(HEAD + PLACED.replace("order.placed", "shop.calendar_set"))[0][2] == "events[0].type"


@pytest.mark.parametrize("name", list_ready())
def test_a_mapping_that_comes_with_the_product_can_be_used(name: str) -> None:
    assert parse_mapping(read_ready(name)).mapping == name


QUESTION, NOTE, ANSWER, LATER = (
    f"2026-03-0{when}:00Z" for when in ("1T10:00", "1T11:00", "1T11:30", "2T10:00"))


# Samples in the shapes that Zendesk and Freshdesk document, with the fields that mislead: notes, what was forwarded,
# answers to surveys, what the system wrote, and what the shop wrote first.
def zendesk_comment(number: int, author: int, at: str, *, public: bool = True) -> dict[str, object]:
    return {"id": number, "type": "Comment", "author_id": author, "body": "…", "html_body": "<p>…</p>",
            "plain_body": "…", "public": public, "attachments": [], "audit_id": 9_000 + number, "created_at": at,
            "via": {"channel": "web", "source": {"from": {}, "to": {}, "rel": None}}, "metadata": {}}


def zendesk_ticket(number: int, *comments: dict[str, object]) -> dict[str, object]:
    return {"id": number, "url": f"https://desk.example/api/v2/tickets/{number}.json", "external_id": None,
            "via": {"channel": "email"}, "created_at": QUESTION, "updated_at": LATER, "type": None, "subject": "?",
            "priority": None, "status": "open", "requester_id": 1, "submitter_id": 1, "assignee_id": 2,
            "organization_id": None, "group_id": "Shop A", "is_public": True, "due_at": None, "tags": [],
            "custom_fields": [], "comments": list(comments)}


def freshdesk_reply(number: int, at: str, *, private: bool = False, source: int = 0,
                    incoming: bool = False) -> dict[str, object]:
    return {"body_text": "…", "body": "<div>…</div>", "id": number, "incoming": incoming, "private": private,
            "user_id": 1, "support_email": None, "source": source, "ticket_id": 7, "created_at": at, "updated_at": at,
            "from_email": "a@shop.example", "to_emails": [], "cc_emails": [], "bcc_emails": None, "attachments": []}


def freshdesk_ticket(number: int, at: str, *conversations: dict[str, object]) -> dict[str, object]:
    return {"id": number, "cc_emails": [], "fwd_emails": [], "fr_escalated": False, "spam": False, "group_id": "Shop A",
            "priority": 1, "requester_id": 5, "responder_id": None, "source": 2, "company_id": None, "status": 2,
            "subject": "?", "type": "Question", "due_by": LATER, "fr_due_by": LATER, "is_escalated": False, "tags": [],
            "custom_fields": {}, "created_at": at, "updated_at": at, "conversations": list(conversations)}


ZENDESK_HEAD = (
    "Summation column,Id,Requester,Requester id,Requester external id,Requester email,Requester domain,Submitter,"
    "Assignee,Group,Subject,Tags,Status,Priority,Via,Ticket type,Created at,Updated at,Assigned at,Organization,"
    "Due date,Initially assigned at,Solved at,Resolution time,Satisfaction Score,Group stations,Assignee stations,"
    "Reopens,Replies,First reply time in minutes,First reply time in minutes within business hours")
FRESHDESK_HEAD = (
    "Ticket ID,Subject,Status,Priority,Source,Type,Agent,Group,Created time,Due by Time,Resolved time,Closed time,"
    "Last update time,Initial response time,Time tracked,First response time (in hrs),Resolution time (in hrs),"
    "Agent interactions,Customer interactions,Resolution status,First response status,Tags,Survey results")
TICKETS = {
    "zendesk-tickets": f"{ZENDESK_HEAD}\n"
                       "1,7,B,1,,b@x.example,x.example,B,Ann,Shop A,?,,Open,Normal,Mail,Question,2026-03-01 10:00,"
                       "2026-03-01 12:00,,,,,,,Offered,1,1,0,1,90,30\n"
                       "1,8,B,1,,b@x.example,x.example,B,,Shop A,?,,New,,Web form,,2026-03-02 10:00,"
                       "2026-03-02 10:00,,,,,,,,0,0,0,0,,\n",
    "freshdesk-tickets": f"{FRESHDESK_HEAD}\n"
                         "7,?,Open,Low,Email,Question,Ann,Shop A,2026-03-01 10:00:00,2026-03-02 10:00:00,,,"
                         "2026-03-01 11:30:00,2026-03-01 11:30:00,00:00,01:30:00,,1,1,,Within SLA,,\n"
                         "8,?,Open,Low,Phone,,No Agent,Shop A,2026-03-02 10:00:00,,,,2026-03-02 10:00:00,,00:00,,,0,1,"
                         ",,,\n",
    "zendesk-json": "\n".join(map(json.dumps, [
        zendesk_ticket(7, zendesk_comment(70, 1, QUESTION), zendesk_comment(71, 2, NOTE, public=False),
                       zendesk_comment(73, -1, NOTE), zendesk_comment(72, 2, ANSWER)),
        zendesk_ticket(8, zendesk_comment(80, 1, LATER))])),
    "freshdesk-json": "\n".join(map(json.dumps, [
        freshdesk_ticket(7, QUESTION, freshdesk_reply(71, NOTE, private=True, source=2),
                         freshdesk_reply(73, NOTE, source=8), freshdesk_reply(72, ANSWER),
                         freshdesk_reply(74, LATER, source=6, incoming=True)),
        freshdesk_ticket(8, LATER)])),
}


@pytest.mark.parametrize("name", list_ready())
def test_tickets_of_both_help_desks_become_the_same_questions_and_answers(tmp_path: Path, name: str) -> None:
    (tmp_path / "t").write_text(TICKETS[name])
    table = open_records(tmp_path / "t")
    mapping = parse_mapping(read_ready(name), columns=None if "json" in name else table.layout.columns)
    rows = list(map_rows(table, Applier(mapping, now=NOW, marketplace="fr"), file="t", mapping_id=None))
    typed = [read_event(row.event, now_ms=int(NOW.timestamp() * 1000)) for row in rows if isinstance(row, EventRow)]
    assert [row for row in rows if isinstance(row, BadRow)] == []
    assert [(event.subject, event.data["author"], event.at_ms // 60_000) for event in typed] == [
        ("7", "buyer", 29_539_320), ("7", "seller", 29_539_410), ("8", "buyer", 29_540_760)]


def read_tickets(path: Path, name: str) -> list[tuple[str, object]]:
    """Subject and author of every message of a file, by a mapping that comes with the product."""
    rows = list(map_rows(open_records(path), Applier(parse_mapping(read_ready(name)), now=NOW, marketplace="fr"),
                         file="t", mapping_id=None))
    assert [row for row in rows if isinstance(row, BadRow)] == []
    typed = [read_event(row.event, now_ms=int(NOW.timestamp() * 1000)) for row in rows if isinstance(row, EventRow)]
    return [(event.subject, event.data["author"]) for event in typed]


def test_what_a_shop_wrote_first_is_no_question_of_the_buyer(tmp_path: Path) -> None:
    (tmp_path / "t").write_text(TICKETS["freshdesk-tickets"].replace(",Phone,", ",Outbound Email,"))
    assert read_tickets(tmp_path / "t", "freshdesk-tickets") == [("7", "buyer"), ("7", "seller"), ("8", "seller")]
    (tmp_path / "t").write_text(json.dumps({**freshdesk_ticket(8, LATER), "source": 10}))
    assert read_tickets(tmp_path / "t", "freshdesk-json") == [("8", "seller")]


@pytest.mark.parametrize("name", ["zendesk-tickets", "freshdesk-tickets"])
def test_columns_that_differ_in_capitals_are_found(tmp_path: Path, name: str) -> None:
    (tmp_path / "t").write_text(TICKETS[name])
    as_it_is = read_tickets(tmp_path / "t", name)
    head, _, rest = TICKETS[name].partition("\n")
    (tmp_path / "t").write_text(f"{head.upper()}\n{rest}")
    parse_mapping(read_ready(name), columns=head.upper().split(","))
    assert read_tickets(tmp_path / "t", name) == as_it_is
    with pytest.raises(MappingError, match="Group"):
        parse_mapping(read_ready(name), columns=[name for name in head.split(",") if name != "Group"])


def test_a_column_of_the_very_name_goes_before_one_that_differs_in_capitals(tmp_path: Path) -> None:
    (tmp_path / "t").write_text(TICKETS["zendesk-tickets"].replace(",Requester id,", ",ID,"))
    assert {subject for subject, _ in read_tickets(tmp_path / "t", "zendesk-tickets")} == {"7", "8"}


LANGUAGES = {
    "en": "Order number;Order date;Ship by;Shipped at;Shop;Customer;Total",
    "fr": "N° commande;Date de commande;À expédier avant;Expédiée le;Boutique;Client;Montant",
    "de": "Bestellnummer;Bestelldatum;Versenden bis;Versendet am;Händler;Kunde;Summe",
    "es": "Número de pedido;Fecha de pedido;Enviar antes de;Fecha de envío;Tienda;Cliente;Importe",
    "pt": "Número do pedido;Data do pedido;Enviar até;Data de envio;Loja;Cliente;Valor",
    "it": "Numero ordine;Data ordine;Spedire entro;Data spedizione;Negozio;Cliente;Importo",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_proposal_made_from_names_in_six_languages_reads_the_table(tmp_path: Path, language: str) -> None:
    header = LANGUAGES[language]
    rows = ["A1;02/03/2026 10:00;05/03/2026;;s1;c1;12,50", "A2;31/03/2026 10:00;05/04/2026;01/04/2026 11:00;s1;c2;3",
            "A3;wrong;05/04/2026;01/04/2026 11:00;s1;c2;3"]
    (tmp_path / "t.csv").write_text("\n".join([header, *rows]))
    table = open_records(tmp_path / "t.csv")
    found = propose(table.layout, sample_rows(table, limit=50), name="t", marketplace="fr", timezone="Europe/Paris")
    assert list(found.parts.values()) == ["order", "placed_at", "ship_by", "shipped_at", "shop", "buyer", "amount"]
    mapping = parse_mapping(found.text, columns=table.layout.columns)
    rows_read = list(map_rows(table, Applier(mapping, now=NOW), file="t", mapping_id=None))
    given = [row.event["type"] for row in rows_read if isinstance(row, EventRow)]
    assert given == ["qos.order.placed", "qos.order.placed", "qos.order.shipped"]
    assert [row.row for row in rows_read if isinstance(row, BadRow)] == [4]


NAMES_OF_COLUMNS = st.text(min_size=1, max_size=12).filter(lambda name: name.strip() and not set("{}") & set(name))


@given(st.lists(NAMES_OF_COLUMNS, min_size=1, max_size=8, unique_by=str.strip), st.data())
def test_whatever_columns_are_called_the_proposal_is_a_mapping_of_them(names: list[str], data: st.DataObject) -> None:
    columns = tuple(name for name in dict.fromkeys(name.strip() for name in names) if name.isprintable()) or ("a",)
    parts = {name: data.draw(st.sampled_from(["", *NAMES])) for name in columns}
    cell = data.draw(st.sampled_from(["x", "2026-03-01", "02/03/2026 10:00", "5", ""]))
    sample = [Record(2, dict.fromkeys(columns, cell))]
    found = propose(Layout("csv", "", columns), sample, marketplace="fr", parts=parts)
    assert parse_mapping(found.text, columns=columns).events


def test_a_format_that_no_time_can_be_read_by_is_a_mistake_of_the_mapping() -> None:
    for form in ("%d/%d/%Y", "%d %Q", "%d %", "%-d/%m/%Y", "%H:%M"):
        assert mistakes((HEAD + PLACED).replace("%d/%m/%Y %H:%M", form))[0][2] == "events[0].time.format"
    assert parse_mapping((HEAD + PLACED).replace("%d/%m/%Y %H:%M", "%a %b %d %H:%M:%S %z %Y"))


def test_words_that_older_yaml_takes_for_flags_or_numbers_stay_words() -> None:
    text = HEAD + PLACED.replace("    id:", "    when: [{column: on, is: [yes, 007, 12:30]}]\n    id:")
    assert parse_mapping(text).events[0].when[0].is_ == ["yes", "007", "12:30"]
    assert [len(events_of(text, {**ROW, "on": cell})) for cell in ("Yes", "007", "7", "true")] == [1, 1, 0, 0]


def test_a_span_beyond_all_calendars_is_told_and_texts_of_bytes_are_texts() -> None:
    text = HEAD + CANCELLED.replace("{column: Ended}", "{column: Ended, plus: {column: Days, unit: days}}")
    assert refused(text, {**ROW, "Days": "9999999"}) == ("Days", "Days is “9999999”, no span of time. Correct it.")
    assert events_of(HEAD + PLACED, {**ROW, "No": b"A1"})[0]["subject"] == "A1"


def test_a_table_of_events_that_breaks_off_gives_what_came_before_and_says_so(tmp_path: Path) -> None:
    lines = "".join(f"{number * 7919 % 100_003},/t,qos.order.placed\n" for number in range(100_000))
    packed = gzip.compress(f"id,source,type\n{lines}".encode())
    (tmp_path / "e.csv.gz").write_bytes(packed[: len(packed) * 3 // 4])
    *rows, last = event_rows(open_records(tmp_path / "e.csv.gz"), file="e")
    assert len(rows) > 50_000
    assert isinstance(last, BadRow)
    assert (last.field, last.row) == ("file", len(rows) + 2)


def test_drafting_a_wide_table_tries_no_column_that_no_name_speaks_for() -> None:
    columns = tuple(f"column {number}" for number in range(300))
    sample = [Record(2, dict.fromkeys(columns, "some words"))] * 200
    began = process_time()
    assert set(guess_parts(Layout("csv", "", columns), sample).values()) == {""}
    assert process_time() - began < 5  # trying every cell in every format takes minutes


def test_a_column_of_days_first_is_not_read_as_months_first() -> None:
    assert find_format(["02/03/2026", "31/03/2026"]) == "%d/%m/%Y"
    assert find_format(["03/31/2026", "03/02/2026"]) == "%m/%d/%Y"
    assert find_format(["1772359200", "1772359201"]) == "epoch"
    assert find_format([date(2026, 3, 1)]) == "iso"
    assert find_format(["maybe", "later"]) is None


def test_a_name_that_only_sounds_like_a_time_is_no_time() -> None:
    layout = Layout("csv", "", ("Order date", "Order"))
    sample = [Record(2, {"Order date": "soon", "Order": "A1"})]
    assert guess_parts(layout, sample) == {"Order date": "", "Order": "order"}
    assert score("Numéro de commande", "order") > score("commande fournisseur", "order") > 0


def test_the_published_schema_is_the_one_of_the_code_and_knows_every_field() -> None:
    published = Path(__file__).parents[2] / "docs" / "mapping.schema.json"
    assert yaml.safe_load(published.read_text("utf-8")) == mapping_schema()
    assert set(mapping_schema()["properties"]) == set(Mapping.model_fields)


def test_every_type_a_table_can_tell_of_is_in_the_event_contract() -> None:
    from operator_qos.connectors.mapping.kinds import NOT_FROM_TABLES, list_types, short_type

    assert {short_type(name) for name in list_types()} | NOT_FROM_TABLES == set(MODELS)
