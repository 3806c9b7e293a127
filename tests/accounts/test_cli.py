"""`operator-qos user` and `operator-qos key`."""

from __future__ import annotations

import json
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, select

from operator_qos.accounts.cli import key_group, user_group
from operator_qos.accounts.queries import find_machine
from operator_qos.accounts.service import check_password
from operator_qos.cli_support import Context
from operator_qos.db import reading
from operator_qos.models import AuditRow
from operator_qos.settings import Settings
from tests.web.fixtures import NOW, PEOPLE

EMAIL = PEOPLE["analyst"][0]
SECRET = "three unrelated words"


def run(engine: Engine, group: click.Group, *words: str, typed: str = "") -> Result:
    context = Context(given_settings=Settings(), given_engine=engine, clock=lambda: NOW)
    return CliRunner().invoke(group, list(words), obj=context, input=typed)


def read(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


ADD = ("add", "new@x.example", "--name", "New", "--password-stdin", "--json", "--role")


def test_a_person_is_added_with_a_password_from_stdin(world: Engine) -> None:
    found = run(world, user_group, *ADD, "seller_staff", "--seller", "norte", typed=f"{SECRET}\nrest")
    assert read(found) == {"id": 7, "email": "new@x.example", "role": "seller_staff"}
    with reading(world) as session:
        user = check_password(session, email="new@x.example", password=SECRET)
        assert user is not None
        assert user.seller_id == 2
        actions = set(session.scalars(select(AuditRow.action)))
        assert actions == {"user.added"}


@pytest.mark.parametrize(
    ("words", "typed", "said"),
    [
        ((*ADD, "admin"), "short", "at least 12 characters"),
        ((*ADD, "admin"), "x" * 201, "200 characters at most"),
        ((*ADD, "admin"), "new@x.example", "must not be the e-mail address"),
        ((*ADD, "seller_owner"), SECRET, "need a seller"),
        ((*ADD, "admin", "--seller", "norte"), SECRET, "need a seller"),
        ((*ADD, "seller_owner", "--seller", "x"), SECRET, "no seller with the code 'x'"),
        (("add", EMAIL, *ADD[2:], "admin"), SECRET, "has an account already"),
        (("add", "no address", *ADD[2:], "admin"), SECRET, "is no e-mail address"),
        (("add", "a@b.example", "--name", " ", *ADD[4:], "admin"), SECRET, "the name is empty"),
        (("set-password", "x@x.example", "--password-stdin", "--json"), SECRET, "nobody has an account"),
        (("deactivate", "x@x.example", "--json"), "", "nobody has an account"),
    ],
)
def test_what_cannot_be_done_says_why_on_both_channels(
    world: Engine, words: tuple[str, ...], typed: str, said: str
) -> None:
    result = run(world, user_group, *words, typed=typed)
    assert result.exit_code == 1
    assert said in json.loads(result.stdout)["error"]
    assert said in result.stderr


def test_a_command_written_wrongly_is_told_apart(world: Engine) -> None:
    assert run(world, user_group, "add", "a@b.example", "--role", "king", "--name", "x").exit_code == 2
    assert run(world, key_group, "create", "feed", "--scope", "all").exit_code == 2


def test_people_are_listed_changed_and_deactivated(world: Engine) -> None:
    assert [row["email"] for row in read(run(world, user_group, "list", "--json"))][:2] == [
        PEOPLE["admin"][0],
        EMAIL,
    ]
    asked = run(world, user_group, "set-password", EMAIL, typed=f"{SECRET}\n{SECRET}\n")
    assert asked.exit_code == 0
    assert SECRET not in asked.output
    with reading(world) as session:
        assert check_password(session, email=EMAIL, password=SECRET) is not None
    assert read(run(world, user_group, "deactivate", EMAIL, "--json"))["active"] is False
    assert f"{EMAIL}  analyst  Jana Vogt  (deactivated)" in run(world, user_group, "list").stdout
    with reading(world) as session:
        assert check_password(session, email=EMAIL, password=SECRET) is None


def test_a_key_is_printed_once_listed_without_itself_and_revoked(world: Engine) -> None:
    made = read(
        run(world, key_group, "create", "feed", "--scope", "ingest", "--marketplace", "halle-fr", "--json")
    )
    assert made["key"].startswith("qos_")
    with reading(world) as session:
        assert find_machine(session, made["key"], now=NOW) is not None
    listed = run(world, key_group, "list", "--json")
    assert made["key"] not in listed.stdout
    assert read(listed)[0]["name"] == "feed"
    assert read(run(world, key_group, "revoke", "feed", "--json"))["revoked"] is True
    assert run(world, key_group, "revoke", "feed").exit_code == 0
    assert "feed  ingest  halle-fr  never used  (revoked)" in run(world, key_group, "list").stdout
    with reading(world) as session:
        assert find_machine(session, made["key"], now=NOW) is None
        assert session.scalars(select(AuditRow.action).where(AuditRow.subject == "key:feed")).all() == [
            "key.created",
            "key.revoked",
        ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create", "b", "--scope", "read", "--marketplace", "x"), "there is no marketplace 'x'"),
        (("revoke", "nothing"), "there is no key named 'nothing'"),
    ],
)
def test_a_key_that_cannot_be_made_or_found_is_refused(
    world: Engine, words: tuple[str, ...], said: str
) -> None:
    result = run(world, key_group, *words)
    assert result.exit_code == 1
    assert said in result.stderr
    assert result.stdout == ""


def test_a_name_of_a_key_is_used_once(world: Engine) -> None:
    assert run(world, key_group, "create", "a", "--scope", "read").exit_code == 0
    assert "exists already" in run(world, key_group, "create", "a", "--scope", "read").stderr


def test_a_setting_that_cannot_be_used_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPERATOR_QOS_SMTP_PORT", "many")
    result = CliRunner().invoke(user_group, ["list"])
    assert result.exit_code == 1
    assert "OPERATOR_QOS_SMTP_PORT is 'many'" in result.stderr


def test_empty_lists_say_what_comes_next(engine: Engine) -> None:
    assert "operator-qos user add" in run(engine, user_group, "list").stdout
    assert "operator-qos key create" in run(engine, key_group, "list").stdout
