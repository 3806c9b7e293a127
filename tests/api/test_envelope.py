"""CloudEvents 1.0: what the specification allows is taken, or refused for its type alone; else its flaw is named."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_qos.events.envelope import check_envelope, unpack_data
from scoring.events import EventRefused
from tests.api.sending import BATCH, Sender, event, statuses

STRUCTURED = "application/cloudevents+json"
FOREIGN: dict[str, Any] = {
    "specversion": "1.0", "type": "com.example.someevent", "source": "/mycontext", "id": "A234-1234-1234",
}
# The examples of the specification's core, JSON format and HTTP binding, and the extremes it names.
VALID: tuple[dict[str, Any], ...] = (
    FOREIGN,
    FOREIGN | {"subject": None, "time": "2018-04-05T17:31:00Z", "comexampleextension1": "value",
               "comexampleothervalue": 5, "unsetextension": None, "datacontenttype": "text/xml",
               "data": "<much wow=\"xml\"/>"},
    FOREIGN | {"time": "2018-04-05T17:31:00Z", "datacontenttype": "application/vnd.apache.thrift.binary",
               "data_base64": "YmFzZTY0IGVuY29kZWQgYmluYXJ5"},
    FOREIGN | {"datacontenttype": "application/json", "data": {"appinfoA": "abc", "appinfoB": 123, "appinfoC": True}},
    FOREIGN | {"datacontenttype": "application/json", "data": "I'm just a string"},
    FOREIGN | {"data": 7}, FOREIGN | {"data": None}, FOREIGN | {"data": [1, 2]},
    FOREIGN | {"dataschema": "http://www.iana.org/dataschemas", "subject": "mynewfile.jpg"},
    FOREIGN | {"source": "mailto:cncf-wg-serverless@lists.cncf.io"},
    FOREIGN | {"source": "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66"}, FOREIGN | {"source": "1-555-123-4567"},
    FOREIGN | {"time": "2019-01-01T23:20:50.52+05:30"}, FOREIGN | {"id": "ID\u20ac\U0001f600"},
    FOREIGN | {"myboolean": True, "myint": -(2**31), "mybytes": "AQID", "a" * 20: "x"},
    FOREIGN | {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01", "sampledrate": 10},
    FOREIGN | {"partitionkey": "p", "sequence": "0001", "sequencetype": "Integer", "dataref": "file://tmp/1"},
    FOREIGN | {"datacontenttype": "application/cloudevents+json; charset=UTF-8"},
)
INVALID: tuple[tuple[str, dict[str, Any]], ...] = (
    *((name, {key: value for key, value in FOREIGN.items() if key != name}) for name in FOREIGN),
    *((name, FOREIGN | {name: ""}) for name in FOREIGN), *((name, FOREIGN | {name: 5}) for name in FOREIGN),
    *((name, FOREIGN | {name: None}) for name in FOREIGN),
    ("specversion", FOREIGN | {"specversion": "0.3"}), ("source", FOREIGN | {"source": "a b"}),
    ("subject", FOREIGN | {"subject": ""}), ("time", FOREIGN | {"time": "yesterday"}),
    ("time", FOREIGN | {"time": "2018-04-05"}), ("time", FOREIGN | {"time": "2018-04-05T17:31:00"}),
    ("time", FOREIGN | {"time": 1522949460}), ("datacontenttype", FOREIGN | {"datacontenttype": "json"}),
    ("dataschema", FOREIGN | {"dataschema": "not-absolute"}), ("dataschema", FOREIGN | {"dataschema": ""}),
    ("comExampleExtension", FOREIGN | {"comExampleExtension": "x"}), ("my-ext", FOREIGN | {"my-ext": "x"}),
    ("my_ext", FOREIGN | {"my_ext": "x"}), ("ext", FOREIGN | {"ext": {"a": 1}}), ("ext", FOREIGN | {"ext": [1]}),
    ("ext", FOREIGN | {"ext": 1.5}), ("ext", FOREIGN | {"ext": 2**31}),
    ("data_base64", FOREIGN | {"data": 1, "data_base64": "AQ=="}),
)


@pytest.mark.parametrize("database", ["sqlite"])
def test_every_valid_sample_is_refused_for_its_type_alone(sender: Sender) -> None:
    answer = sender.send(*VALID)
    assert {(row["status"], row["field"]) for row in answer["events"]} == {("quarantined", "type")}
    for sample in VALID:
        alone = sender.post(json.dumps(sample).encode(), STRUCTURED).get_json()
        assert alone["events"][0]["field"] == "type", sample


@pytest.mark.parametrize("database", ["sqlite"])
def test_every_invalid_sample_has_its_attribute_named(sender: Sender) -> None:
    answer = sender.send(*(sample for _, sample in INVALID))
    for (name, sample), row in zip(INVALID, answer["events"], strict=True):
        assert (row["status"], row["field"]) == ("quarantined", name), (sample, row)


@pytest.mark.parametrize("database", ["sqlite"])
def test_an_event_of_ours_is_taken_in_every_mode(sender: Sender) -> None:
    data = {"currency": "EUR", "lines": [{"line": "1", "amount_minor": 5}]}
    packed = base64.b64encode(json.dumps(data).encode()).decode()
    whole = event(1, data=data, datacontenttype="application/json", comexample="kept")
    assert statuses(sender.send(whole)) == ["accepted"]
    other = event(2, data_base64=packed, datacontenttype="application/json")
    assert statuses(sender.post(json.dumps(other).encode(), STRUCTURED).get_json()) == ["accepted"]
    heads = {f"ce_{name}": str(value) for name, value in event(3).items()}
    kind = "application/vnd.shop+json; charset=utf-8"
    assert statuses(sender.post(json.dumps(data).encode(), kind, **heads).get_json()) == ["accepted"]
    assert statuses(sender.post(json.dumps(data).encode(), "application/json", **heads).get_json()) == ["conflict"]


@pytest.mark.parametrize("database", ["sqlite"])
def test_binary_mode_takes_any_data_and_names_what_cannot_be_read(sender: Sender) -> None:
    foreign = {f"ce_{name}": value for name, value in FOREIGN.items()}
    for body, kind in ((b"<a/>", "text/xml"), (b"\x00\xff", "application/octet-stream"), (b"", "text/plain")):
        (row,) = sender.post(body, kind, **foreign).get_json()["events"]
        assert row["field"] == "type"
    ours = {f"ce_{name}": str(value) for name, value in event(1).items()}
    (row,) = sender.post(b"<a/>", "text/xml", **ours).get_json()["events"]
    assert (row["status"], row["field"]) == ("quarantined", "datacontenttype")
    (row,) = sender.post(b"<a/>", "application/vnd.x+json", **ours).get_json()["events"]
    assert row["field"] == "data_base64"
    named = {f"ce_{name}": value for name, value in FOREIGN.items() if name != "id"}
    assert sender.post(b"{}", "application/json", **named).get_json()["events"][0]["field"] == "id"


@given(st.dictionaries(st.text(max_size=8), st.none() | st.booleans() | st.integers() | st.text(max_size=8)
                       | st.lists(st.integers(), max_size=1), max_size=4))
def test_an_envelope_is_taken_or_an_attribute_of_it_is_named(extra: dict[str, Any]) -> None:
    made = FOREIGN | extra
    try:
        check_envelope(made)
        assert unpack_data(made) is made or "data_base64" in made
    except EventRefused as refused:
        assert refused.problem.field[:200] in {*made, *FOREIGN}
        assert refused.problem.reason


@pytest.mark.parametrize("database", ["sqlite"])
def test_what_is_not_said_to_be_a_cloudevent_is_read_as_kindly_as_before(sender: Sender) -> None:
    loose = event(1, My_Note={"a": 1})
    del loose["specversion"]
    assert statuses(sender.post(json.dumps([loose]).encode()).get_json()) == ["accepted"]
    assert sender.post(json.dumps([event(2, My_Note=1)]).encode(), BATCH).get_json()["events"][0]["field"] == "My_Note"
