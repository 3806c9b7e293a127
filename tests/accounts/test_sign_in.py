"""Signing in and out, throttling, language, one's own account."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, select

from operator_qos.db import reading
from operator_qos.models import AuditRow, User
from operator_qos.settings import Settings
from operator_qos.shell import build_app
from tests.web.fixtures import PASSWORD, PEOPLE, Clock, post, read_token, sign_in

EMAIL = PEOPLE["analyst"][0]
WRONG = "Address and password do not fit"


def try_sign_in(client, email: str, password: str, query: str = ""):  # type: ignore[no-untyped-def]
    token = read_token(client)
    return client.post(f"/login{query}", data={"csrf_token": token, "email": email, "password": password})


def test_the_right_password_opens_the_first_page(account_app: Flask) -> None:
    answer = try_sign_in(account_app.test_client(), f"  {EMAIL.upper()} ", PASSWORD)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/operator/today")


@pytest.mark.parametrize(
    ("email", "password"), [(EMAIL, "wrong password!"), ("nobody@nowhere.example", PASSWORD)]
)
def test_a_wrong_password_and_an_unknown_address_answer_alike(
    account_app: Flask, email: str, password: str
) -> None:
    client = account_app.test_client()
    answer = try_sign_in(client, email, password)
    assert answer.status_code == 422
    assert WRONG in answer.text
    assert client.get("/account").status_code == 302


@pytest.mark.parametrize(
    ("target", "lands"),
    [
        ("/account", "/account"),
        ("//evil.example", "/operator/today"),
        ("https://evil.example", "/operator/today"),
        ("/%5Cevil.example", "/operator/today"),
    ],
)
def test_signing_in_leads_back_but_never_elsewhere(account_app: Flask, target: str, lands: str) -> None:
    answer = try_sign_in(account_app.test_client(), EMAIL, PASSWORD, f"?next={target}")
    assert answer.headers["Location"] == lands
    client = sign_in(account_app, "analyst")
    assert client.get(f"/login?next={target}").headers["Location"] == lands


def test_empty_fields_say_what_is_missing_beside_themselves(account_app: Flask) -> None:
    answer = try_sign_in(account_app.test_client(), "", "")
    assert answer.status_code == 422
    assert 'aria-describedby="email-error"' in answer.text
    assert "Write your e-mail address." in answer.text


def test_a_form_without_its_token_does_not_sign_in(account_app: Flask) -> None:
    answer = account_app.test_client().post("/login", data={"email": EMAIL, "password": PASSWORD})
    assert answer.status_code == 400
    assert "This cannot be done" in answer.text


@pytest.fixture
def strict_app(world: Engine, tmp_path: Path, clock: Clock) -> Flask:
    settings = Settings(data_dir=tmp_path, secret_key="only for tests", login_attempts="3 per minute")
    made = build_app(("operator_qos.accounts.views",), settings=settings, engine=world, clock=clock)
    made.testing = True
    return made


def test_guessing_from_one_address_is_slowed_down(strict_app: Flask) -> None:
    client = strict_app.test_client()
    codes = [try_sign_in(client, f"user{n}@x.example", "x").status_code for n in range(4)]
    assert codes == [422, 422, 422, 429]
    answer = try_sign_in(client, EMAIL, PASSWORD)
    assert answer.status_code == 429
    assert "Too many attempts" in answer.text
    assert 0 < int(answer.headers["Retry-After"]) <= 60


def test_guessing_one_account_from_many_addresses_is_slowed_down(strict_app: Flask) -> None:
    token_client = strict_app.test_client()
    codes = []
    for host in range(4):
        token = read_token(token_client)
        answer = token_client.post(
            "/login",
            data={"csrf_token": token, "email": EMAIL.upper(), "password": "x"},
            environ_overrides={"REMOTE_ADDR": f"10.0.0.{host}"},
        )
        codes.append(answer.status_code)
    assert codes == [422, 422, 422, 429]


def test_people_who_know_their_password_are_never_slowed_down(strict_app: Flask) -> None:
    assert [try_sign_in(strict_app.test_client(), EMAIL, PASSWORD).status_code for _ in range(6)] == [302] * 6


def test_signing_out_ends_the_session_and_needs_a_form(account_app: Flask) -> None:
    client = sign_in(account_app, "analyst")
    assert client.get("/logout").status_code == 404
    assert client.get("/account").status_code == 200
    assert post(client, "/logout").headers["Location"] == "/login"
    assert client.get("/account").status_code == 302


def test_signing_in_starts_a_new_session(account_app: Flask) -> None:
    client = account_app.test_client()
    before = read_token(client)
    try_sign_in(client, EMAIL, PASSWORD)
    with client.session_transaction() as session:
        assert session["_user_id"] == "2:0"
    assert client.post("/logout", data={"csrf_token": before}).status_code == 400


def test_a_forged_session_id_is_nobody(account_app: Flask) -> None:
    client = account_app.test_client()
    for forged in ("2", "2:1", "99:0", "x:0", "2:x", ":"):
        with client.session_transaction() as session:
            session["_user_id"] = forged
        assert client.get("/account").status_code == 302


def test_changing_the_password_ends_every_other_session(account_app: Flask) -> None:
    here, there = sign_in(account_app, "analyst"), sign_in(account_app, "analyst")
    new = "three unrelated words"
    answer = post(here, "/account/password", {"current": PASSWORD, "password": new, "repeated": new})
    assert answer.headers["Location"] == "/account"
    assert "signed out everywhere else" in here.get("/account").text
    assert there.get("/account").status_code == 302
    assert sign_in(account_app, "analyst", password=new).get("/account").status_code == 200


@pytest.mark.parametrize(
    ("current", "new", "repeated", "said"),
    [
        (
            "not it at all",
            "three unrelated words",
            "three unrelated words",
            "This is not your current password.",
        ),
        (PASSWORD, "short", "short", "Use at least 12 characters."),
        (PASSWORD, "three unrelated words", "three unrelated wor", "The two new passwords differ."),
        (PASSWORD, EMAIL, EMAIL, "not your e-mail address"),
        (PASSWORD, "", "", "Write a new password."),
        (PASSWORD, "x" * 201, "x" * 201, "Use 200 characters at most."),
    ],
)
def test_a_password_that_cannot_be_taken_says_why(
    account_app: Flask, current: str, new: str, repeated: str, said: str
) -> None:
    client = sign_in(account_app, "analyst")
    answer = post(client, "/account/password", {"current": current, "password": new, "repeated": repeated})
    assert answer.status_code == 422
    assert said in answer.text
    assert sign_in(account_app, "analyst").get("/account").status_code == 200


def test_name_and_language_are_kept_and_noted(account_app: Flask, world: Engine) -> None:
    client = sign_in(account_app, "analyst")
    answer = post(client, "/account/profile", {"name": " Jana V. ", "language": "fr"})
    assert answer.status_code == 302
    page = client.get("/account").text
    assert "Votre nom et votre langue sont enregistrés." in page
    assert "<h1>Votre compte</h1>" in page
    with reading(world) as session:
        row = session.scalars(select(AuditRow).where(AuditRow.action == "user.profile_changed")).one()
        assert (row.actor, row.subject) == (EMAIL, f"user:{EMAIL}")
        assert row.after == {"name": "Jana V.", "language": "fr"}


@pytest.mark.parametrize("name", ["", "   ", "x" * 201])
def test_a_name_that_cannot_be_taken_is_refused(account_app: Flask, name: str) -> None:
    client = sign_in(account_app, "analyst")
    assert post(client, "/account/profile", {"name": name, "language": "fr"}).status_code == 422
    assert post(client, "/account/profile", {"name": "Jana", "language": "xx"}).status_code == 422


def test_a_stranger_chooses_a_language_with_a_cookie(account_app: Flask) -> None:
    client = account_app.test_client()
    assert "<h1>Sign in</h1>" in client.get("/login").text
    answer = post(client, "/language", {"language": "fr", "next": "/login?next=/account"}, page="/login")
    assert answer.headers["Location"] == "/login?next=/account"
    assert "<h1>Se connecter</h1>" in client.get("/login").text
    assert (
        post(client, "/language", {"language": "xx", "next": "//x"}, page="/login").headers["Location"] == "/"
    )
    assert "<h1>Se connecter</h1>" in client.get("/login").text


def test_the_language_of_an_account_goes_with_the_person(account_app: Flask, world: Engine) -> None:
    client = sign_in(account_app, "analyst")
    post(client, "/language", {"language": "fr", "next": "/account"})
    with reading(world) as session:
        assert session.scalar(select(User.language).where(User.email == EMAIL)) == "fr"
    elsewhere = sign_in(account_app, "analyst").get("/account", headers={"Accept-Language": "en"})
    assert "<h1>Votre compte</h1>" in elsewhere.text


def test_a_deactivated_person_is_out_at_once(account_app: Flask, world: Engine) -> None:
    from operator_qos.accounts.actors import COMMAND_LINE
    from operator_qos.accounts.service import deactivate_user
    from operator_qos.db import unit_of_work
    from tests.web.fixtures import NOW

    client = sign_in(account_app, "analyst")
    with unit_of_work(world) as session:
        deactivate_user(session, email=EMAIL, actor=COMMAND_LINE, now=NOW)
    assert client.get("/account").status_code == 302
    assert try_sign_in(account_app.test_client(), EMAIL, PASSWORD).status_code == 422
