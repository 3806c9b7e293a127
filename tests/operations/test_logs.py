"""Log lines: on standard error, one event each, at the level and in the form that was chosen."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog

from operator_qos.logs import StandardError, set_up_logs
from operator_qos.settings import SettingsError, read_settings


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    set_up_logs()


def say() -> None:
    ours = structlog.get_logger("operator_qos.somewhere")
    ours.debug("looked", rows=1)
    ours.info("moved", rows=2, name="Élan")
    logging.getLogger("operator_qos.elsewhere").error("import %s failed", 7)
    logging.getLogger("a.library").info("nobody asked")
    logging.getLogger("a.library").warning("but this")


def read(captured: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    out, err = captured.readouterr()
    assert out == ""
    return [json.loads(line) for line in err.splitlines()]


def test_each_event_is_one_document_with_its_level_and_moment(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(form="json")
    say()
    lines = read(capsys)
    assert [(line["level"], line["event"]) for line in lines] == [
        ("info", "moved"), ("error", "import 7 failed"), ("warning", "but this")]
    assert (lines[0]["rows"], lines[0]["name"], lines[0]["logger"]) == (2, "Élan", "operator_qos.somewhere")
    assert all(str(line["timestamp"]).endswith("Z") for line in lines)


@pytest.mark.parametrize(("level", "said"), [
    ("debug", ["looked", "moved", "import 7 failed", "but this"]), ("warning", ["import 7 failed", "but this"]),
    ("error", ["import 7 failed"])])
def test_what_is_less_than_the_level_is_not_said(
    capsys: pytest.CaptureFixture[str], level: str, said: list[str]
) -> None:
    set_up_logs(level=level)
    say()
    assert [line["event"] for line in read(capsys)] == said


def test_setting_up_twice_says_everything_once(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(form="json")
    set_up_logs(form="text")
    say()
    assert capsys.readouterr().err.count("moved") == 1
    assert sum(isinstance(handler, StandardError) for handler in logging.getLogger().handlers) == 1


def test_where_nobody_sits_at_a_terminal_lines_are_documents_without_colours() -> None:
    code = ("from operator_qos.logs import set_up_logs; import structlog; set_up_logs();"
            "structlog.get_logger('operator_qos').warning('over', n=1)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert json.loads(done.stderr)["event"] == "over"


def test_an_unknown_level_is_refused_with_those_there_are() -> None:
    with pytest.raises(SettingsError, match="OPERATOR_QOS_LOG_LEVEL is 'loud': set it to one of debug, info"):
        read_settings({"OPERATOR_QOS_LOG_LEVEL": "loud"})
    assert read_settings({"OPERATOR_QOS_LOG_FORMAT": "json"}).log_format == "json"
