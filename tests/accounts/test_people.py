"""People on pages: invitations, roles, closing, the mailed links and the page of a forgotten password."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from operator_qos.accounts.actors import COMMAND_LINE, Actor
from operator_qos.accounts.cli import user_group
from operator_qos.accounts.people import links, service
from operator_qos.accounts.people.door.views import ANSWER_SECONDS
from operator_qos.accounts.people.queries import WantedPeople, count_people, list_people
from operator_qos.accounts.queries import find_user, hash_key, to_actor
from operator_qos.accounts.service import AccountError, NewUser, check_password, set_password
from operator_qos.cli_support import Context
from operator_qos.db import reading, unit_of_work
from operator_qos.models import AuditRow, OutboxMail, PasswordLink, User
from operator_qos.notices.jobs import deliver_outbox
from operator_qos.settings import Settings
from tests.web.fixtures import NOW, OTHER_SELLER, PASSWORD, PEOPLE, Clock, app, post, sign_in

__all__ = ["app"]

NEW = "three unrelated words"
LINK = re.compile(r"\{base_url\}/join/(\S+)")
ADMIN, ANALYST, OWNER, STAFF, MEDIATOR = (PEOPLE[role][0] for role in PEOPLE)
FOREIGN = OTHER_SELLER[0]


def find(engine: Engine, email: str) -> Actor:
    with reading(engine) as session:
        user = find_user(session, email)
        assert user is not None
        return to_actor(user)


def invite(engine: Engine, email: str, role: str, *, by: str = ADMIN, language: str = "en", seller: str = "") -> Actor:
    new = NewUser(email, "", "Ada  Byron", role, language, seller or None)
    with unit_of_work(engine) as session:
        service.invite_person(session, new, actor=find(engine, by), now=NOW)
    return find(engine, email)


def join(engine: Engine, email: str) -> None:
    with unit_of_work(engine) as session:
        set_password(session, email=email, password=NEW, actor=COMMAND_LINE, now=NOW)


def list_mails(engine: Engine, email: str) -> list[OutboxMail]:
    with reading(engine) as session:
        found = list(session.scalars(select(OutboxMail).where(OutboxMail.recipient == email)))
        session.expunge_all()
        return found


def read_link(engine: Engine, email: str) -> str:
    """The token of the one mail to an address."""
    (mail,) = list_mails(engine, email)
    found = LINK.search(mail.body)
    assert found
    return found.group(1)


def list_actions(engine: Engine) -> list[tuple[str, str, str]]:
    with reading(engine) as session:
        rows = session.scalars(select(AuditRow).order_by(AuditRow.id))
        return [(row.actor, row.action, row.subject) for row in rows]


# The links


def test_an_invitation_opens_an_account_once_and_is_told_in_the_persons_language(world: Engine) -> None:
    person = invite(world, "Ada@New.example", "seller_staff", by=OWNER, language="fr")
    assert (person.email, person.name) == ("ada@new.example", "Ada Byron")
    assert person.seller_id == find(world, OWNER).seller_id
    token = read_link(world, person.email)
    (mail,) = list_mails(world, person.email)
    assert mail.subject == "Votre invitation : Morvan"
    assert "Claire Morvan vous invite comme membre de l’équipe de Morvan" in mail.body
    assert "25 juin 2026, 7\u00a0h\u00a040 UTC" in mail.body
    assert len(token) == 43
    with reading(world) as session:
        assert session.scalars(select(PasswordLink.token_hash)).all() == [hash_key(token)]
        for guess in ("", "x"):
            assert check_password(session, email=person.email, password=guess) is None
    with unit_of_work(world) as session:
        links.use_link(session, token=token, password=NEW, now=NOW)
    with reading(world) as session:
        assert check_password(session, email=person.email, password=NEW) is not None
        assert links.find_link(session, token, now=NOW) is None
    assert list_actions(world) == [(OWNER, "user.invited", "user:ada@new.example"),
                                   ("ada@new.example", "user.joined", "user:ada@new.example")]


def _send_newer(engine: Engine) -> None:
    with unit_of_work(engine) as session:
        service.invite_again(session, user_id=find(engine, "ada@new.example").user_id, actor=COMMAND_LINE, now=NOW)


def _ask_reset(engine: Engine) -> None:
    with unit_of_work(engine) as session:
        assert links.ask_reset(session, email=" ADA@new.example", now=NOW)


def _close(engine: Engine) -> None:
    with unit_of_work(engine) as session:
        service.close_account(session, user_id=find(engine, "ada@new.example").user_id, actor=COMMAND_LINE, now=NOW)


def _use(engine: Engine) -> None:
    with unit_of_work(engine) as session:
        links.use_link(session, token=read_link(engine, "ada@new.example"), password=NEW, now=NOW)


def show_all_but_random(page: str) -> str:
    return re.sub(r'(name="csrf_token" value|nonce)="[^"]*"|name="csrf_token"[^>]*>', "", page)


ENDS: tuple[tuple[str, Callable[[Engine], None], timedelta], ...] = (
    ("expired", lambda _engine: None, timedelta(days=7)),
    ("used", _use, timedelta()),
    ("replaced by a newer invitation", _send_newer, timedelta()),
    ("replaced by a link of another purpose", _ask_reset, timedelta()),
    ("account closed", _close, timedelta()),
    ("password set otherwise", lambda engine: join(engine, "ada@new.example"), timedelta()),
)


@pytest.mark.parametrize(("why", "end", "later"), ENDS, ids=[row[0] for row in ENDS])
def test_a_link_that_is_over_sets_nothing_and_its_page_says_the_same(
    app: Flask, world: Engine, clock: Clock, why: str, end: Callable[[Engine], None], later: timedelta
) -> None:
    invite(world, "ada@new.example", "analyst")
    token = read_link(world, "ada@new.example")
    with reading(world) as session:
        assert links.find_link(session, token, now=NOW + timedelta(days=7, seconds=-1)) is not None
    end(world)
    clock.now = NOW + later
    with unit_of_work(world) as session, pytest.raises(AccountError, match="no longer works"):
        links.use_link(session, token=token, password="another of three words", now=clock.now)
    # Beside the page of a token that never was, with the same name of a cookie.
    pages = [app.test_client().get(f"/join/{one}", follow_redirects=True) for one in (token, "never-was")]
    assert pages[0].status_code == 404
    assert "This link no longer works" in pages[0].text
    assert show_all_but_random(pages[0].text) == show_all_but_random(pages[1].text)


def test_a_reset_lasts_an_hour_ends_sessions_and_is_noted(world: Engine) -> None:
    with unit_of_work(world) as session:
        assert links.ask_reset(session, email=STAFF, now=NOW)
        assert not links.ask_reset(session, email="nobody@nowhere.example", now=NOW)
    token = read_link(world, STAFF)
    assert list_mails(world, STAFF)[0].subject == "A new password"
    with reading(world) as session:
        assert links.find_link(session, token, now=NOW + timedelta(minutes=60)) is None
    with unit_of_work(world) as session:
        with pytest.raises(AccountError, match="at least 12"):
            links.use_link(session, token=token, password="short", now=NOW)
        links.use_link(session, token=token, password=NEW, now=NOW + timedelta(minutes=59))
    with reading(world) as session:
        assert session.scalar(select(User.session_epoch).where(User.email == STAFF)) == 1
    assert [row[:2] for row in list_actions(world)] == [(links.ANYBODY, "user.reset_asked"),
                                                        (STAFF, "user.password_changed")]


def test_a_delivered_mail_keeps_no_link_and_a_newer_one_takes_its_place(world: Engine, tmp_path: Path) -> None:
    for _again in range(2):
        with unit_of_work(world) as session:
            links.ask_reset(session, email=STAFF, now=NOW)
    token = read_link(world, STAFF)  # one mail waits
    settings = Settings(data_dir=tmp_path, secret_key="x", base_url="https://qos.example/")
    assert deliver_outbox(world, settings, now=NOW).sent == 1
    (written,) = settings.outbox_dir.glob("*.eml")
    assert f"https://qos.example/join/{token}" in written.read_text().replace("=\n", "")
    assert [(mail.state, mail.body) for mail in list_mails(world, STAFF)] == [("sent", "")]


# Who may be closed and given another role


def test_nobody_shuts_themselves_out_and_somebody_who_can_sign_in_remains(world: Engine) -> None:
    second = invite(world, "second@operator.example", "admin")
    admin, other_owner = find(world, ADMIN), invite(world, "p@morvan.example", "seller_owner", by=OWNER)
    owner, staff = find(world, OWNER), find(world, STAFF)

    def refusal(user: Actor, actor: Actor, role: str) -> str:
        codes = []
        for act in (service.close_account, partial(service.change_role, role=role)):
            try:
                with unit_of_work(world) as session:
                    act(session, user_id=user.user_id, actor=actor, now=NOW)
                    session.rollback()
            except AccountError as error:
                codes.append(error.code)
            else:
                codes.append("done")
        assert len(set(codes)) == 1, codes
        return codes[0]

    table = [
        (admin, admin, "analyst", "self"),
        (admin, second, "analyst", "last"),  # the second has no password yet and cannot run anything
        (second, admin, "analyst", "done"),
        (owner, owner, "seller_staff", "self"),
        (owner, other_owner, "seller_staff", "last"),
        (owner, admin, "seller_staff", "done"),  # the operator may: it can invite another
        (staff, owner, "seller_owner", "done"),
        (other_owner, owner, "seller_staff", "done"),
    ]
    assert [refusal(user, actor, role) for user, actor, role, _said in table] == [row[3] for row in table]
    join(world, second.email)
    join(world, other_owner.email)
    assert refusal(admin, second, "analyst") == "done"
    assert refusal(owner, other_owner, "seller_staff") == "done"


def test_roles_stay_on_their_side_and_other_companies_are_unknown(world: Engine) -> None:
    admin, owner = find(world, ADMIN), find(world, OWNER)
    for email, role in ((ANALYST, "mediator"), (ANALYST, "seller_owner"), (STAFF, "analyst"), (MEDIATOR, "admin"),
                        (STAFF, "king")):
        with unit_of_work(world) as session, pytest.raises(AccountError, match="no role of the side"):
            service.change_role(session, user_id=find(world, email).user_id, role=role, actor=admin, now=NOW)
    acts = (service.close_account, service.reopen_account, service.invite_again)
    for user_id in (find(world, FOREIGN).user_id, admin.user_id, 999_999, 2**62):
        for act in acts:
            with unit_of_work(world) as session, pytest.raises(AccountError, match="there is no person"):
                act(session, user_id=user_id, actor=owner, now=NOW)
    with unit_of_work(world) as session, pytest.raises(AccountError, match="no role of a company"):
        service.invite_person(session, NewUser("x@x.example", "", "X", "admin"), actor=owner, now=NOW)


def test_an_owner_invites_to_the_own_company_whatever_code_is_sent(world: Engine) -> None:
    invited = invite(world, "x@x.example", "seller_staff", by=OWNER, seller="norte")
    assert invited.seller_id == find(world, OWNER).seller_id
    for email, code in ((FOREIGN, "taken"), ("no address", "no_email")):
        with pytest.raises(AccountError) as refused:
            invite(world, email, "seller_staff", by=OWNER)
        assert refused.value.code == code


def test_a_closed_account_is_opened_with_the_password_it_had(world: Engine) -> None:
    admin, analyst = find(world, ADMIN), find(world, ANALYST)
    for _again in range(2):
        with unit_of_work(world) as session:
            service.close_account(session, user_id=analyst.user_id, actor=admin, now=NOW)
    with reading(world) as session:
        assert check_password(session, email=ANALYST, password=PASSWORD) is None
    for _again in range(2):
        with unit_of_work(world) as session:
            service.reopen_account(session, user_id=analyst.user_id, actor=admin, now=NOW)
    with reading(world) as session:
        assert check_password(session, email=ANALYST, password=PASSWORD) is not None
    assert [row[1] for row in list_actions(world)] == ["user.deactivated", "user.reopened"]  # once each
    with unit_of_work(world) as session, pytest.raises(AccountError, match="has a password already"):
        service.invite_again(session, user_id=analyst.user_id, actor=admin, now=NOW)


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (WantedPeople(), ["ines", "jana", "rosa", "claire", "yann", "lucia"]),
        (WantedPeople(side="sellers"), ["claire", "yann", "lucia"]),
        (WantedPeople(text="NORTE"), ["lucia"]),
        (WantedPeople(text="vogt"), ["jana"]),
        (WantedPeople(text="%"), []),
        (WantedPeople(seller_id=2, text="a"), ["lucia"]),
        (WantedPeople(seller_id=2, side="operator"), []),
    ],
)
def test_people_are_found_by_side_name_address_and_company(
    world: Engine, wanted: WantedPeople, names: list[str]
) -> None:
    with reading(world) as session:
        rows = list_people(session, wanted, now=NOW, limit=50)
        assert [row.email.partition("@")[0] for row in rows] == names
        assert count_people(session, wanted) == len(names)
        assert list_people(session, wanted, now=NOW, limit=2, offset=1) == rows[1:3]


# The pages


def test_an_admin_invites_and_closes_and_an_analyst_only_looks(app: Flask, world: Engine) -> None:
    client, looking = sign_in(app, "admin"), sign_in(app, "analyst")
    data = {"email": "ada@norte.example", "name": "Ada", "role": "seller_owner", "language": "fr", "seller": "norte"}
    assert post(client, "/operator/people", data).status_code == 303
    page = client.get("/operator/people?q=ada").text
    assert re.search("link until [^<]*25", page)
    ada = find(world, "ada@norte.example")
    assert f'action="/operator/people/{ada.user_id}/close"' in page
    shown = looking.get("/operator/people?q=ada").text
    assert "ada@norte.example" in shown
    assert "<form class=\"q-inline\"" not in shown
    assert "Invite somebody" not in shown
    assert post(client, f"/operator/people/{ada.user_id}/close").status_code == 303
    assert "account closed" in client.get("/operator/people?q=ada").text
    refused = post(client, f"/operator/people/{find(world, ADMIN).user_id}/close")
    assert refused.status_code == 422
    assert "Nobody closes or changes their own account" in refused.text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"email": ANALYST}, "has an account already"),
        ({"email": "no address"}, "This is no e-mail address."),
        ({"email": ""}, "Write an e-mail address."),
        ({"name": " "}, "Write how the person is called."),
        ({"seller": "norte"}, "need the code of their company"),
        ({"role": "seller_staff", "seller": "nobody"}, "There is no company with this code."),
        ({"role": "king"}, "Not a valid choice"),
    ],
)
def test_an_invitation_that_cannot_be_sent_says_why(
    app: Flask, world: Engine, changed: dict[str, str], said: str
) -> None:
    data = {"email": "x@x.example", "name": "X", "role": "analyst", "language": "en", "seller": "", **changed}
    answer = post(sign_in(app, "admin"), "/operator/people", data)
    assert answer.status_code == 422
    assert said in answer.text
    assert list_mails(world, "x@x.example") == []


def test_an_owner_looks_after_the_own_team_and_meets_others_as_missing(app: Flask, world: Engine) -> None:
    client, staff = sign_in(app, "seller_owner"), sign_in(app, "seller_staff")
    for one in (client, staff):
        page = one.get("/seller/team?q=&side=operator").text
        assert ("Lucía" in page, "Inès" in page) == (False, False)
    page = client.get("/seller/team").text
    assert (STAFF in page, "Make owner" in page) == (True, True)
    assert "Make owner" not in staff.get("/seller/team").text
    yann = find(world, STAFF).user_id
    assert post(staff, f"/seller/team/{yann}/close").status_code == 404
    assert post(client, f"/seller/team/{yann}/role", {"role": "seller_owner"}).status_code == 303
    assert find(world, STAFF).role == "seller_owner"
    for act in ("role", "close", "reopen", "invite"):
        foreign = post(client, f"/seller/team/{find(world, FOREIGN).user_id}/{act}", {"role": "seller_staff"})
        missing = post(client, f"/seller/team/99999/{act}", {"role": "seller_staff"})
        assert (foreign.status_code, foreign.data) == (404, missing.data)
    assert post(client, "/seller/team", {"email": "n@x.example", "name": "N", "role": "admin", "language": "en"}
                ).status_code == 422


def set_by_link(client: FlaskClient, token: str, password: str, repeated: str = ""):  # type: ignore[no-untyped-def]
    landed = client.get(f"/join/{token}")
    assert (landed.status_code, landed.headers["Location"]) == (303, "/join")
    assert landed.headers["Referrer-Policy"] == "no-referrer"
    return post(client, "/join", {"password": password, "repeated": repeated or password}, page="/join")


def test_a_password_is_set_by_the_link_of_an_invitation(app: Flask, world: Engine) -> None:
    ada = invite(world, "ada@new.example", "analyst", language="fr")
    client = sign_in(app, "mediator")  # somebody else sits at this browser
    token = read_link(world, ada.email)
    for password, repeated, said in (("short", "", "password-error"), (NEW, "another", "diffèrent"),
                                     (ada.email, "", "Choisissez un autre mot de passe")):
        answer = set_by_link(client, token, password, repeated)
        assert answer.status_code == 422
        assert said in answer.text
    assert token not in client.get("/join").text
    done = set_by_link(client, token, NEW)
    assert (done.status_code, done.headers["Location"]) == (303, "/login")
    assert "Votre mot de passe est enregistré." in client.get("/login").text
    assert client.get("/account").status_code == 302
    assert sign_in(app, email=ada.email, password=NEW).get("/operator/people").status_code == 200


def ask(app: Flask, email: str) -> tuple[int, str, float]:
    client = app.test_client()
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/forgotten").text)
    assert token
    begun = time.monotonic()
    answer = client.post("/forgotten", data={"csrf_token": token.group(1), "email": email})
    return answer.status_code, answer.text, time.monotonic() - begun


def test_a_forgotten_password_answers_alike_whether_there_is_an_account_or_not(app: Flask, world: Engine) -> None:
    _close_person(world, ANALYST)
    asked = (STAFF, "nobody@nowhere.example", ANALYST)
    answers = [ask(app, email) for email in asked]
    assert {code for code, _text, _seconds in answers} == {200}
    assert len({show_all_but_random(text).replace(email, "") for (_code, text, _seconds), email in
                zip(answers, asked, strict=True)}) == 1
    assert all(seconds >= ANSWER_SECONDS for _code, _text, seconds in answers)
    assert [len(list_mails(world, email)) for email in asked] == [1, 0, 0]


def _close_person(engine: Engine, email: str) -> None:
    with unit_of_work(engine) as session:
        service.close_account(session, user_id=find(engine, email).user_id, actor=COMMAND_LINE, now=NOW)


@pytest.mark.parametrize(("email", "mails"), [(STAFF, 1), ("nobody@nowhere.example", 0)])
def test_asking_again_and_again_is_slowed_down_for_known_and_unknown_alike(
    app: Flask, world: Engine, email: str, mails: int
) -> None:
    assert [ask(app, email)[0] for _again in range(6)] == [200] * 5 + [429]
    assert len(list_mails(world, email)) == mails  # the last of them


def test_the_command_line_invites(world: Engine) -> None:
    context = Context(given_settings=Settings(), given_engine=world, clock=lambda: NOW)
    words = ["invite", "ada@new.example", "--role", "mediator", "--name", "Ada", "--language", "fr", "--json"]
    result = CliRunner().invoke(user_group, words, obj=context)
    assert result.exit_code == 0, result.output
    assert '"invited": true' in result.stdout
    assert read_link(world, "ada@new.example") not in result.output
    assert "On vous invite comme médiateur." in list_mails(world, "ada@new.example")[0].body
    assert CliRunner().invoke(user_group, words, obj=context).exit_code == 1
