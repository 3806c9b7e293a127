"""What surrounds every page: who gets in, headers, errors, static files."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from backports import zstd
from flask import Flask
from sqlalchemy import Engine, text

from operator_qos.accounts.actors import COMMAND_LINE
from operator_qos.accounts.service import create_key, revoke_key
from operator_qos.db import unit_of_work
from operator_qos.permissions import (
    PermissionTableError,
    Rule,
    current_actor,
    current_machine,
    init_permissions,
)
from operator_qos.settings import Settings
from operator_qos.shell import build_app
from tests.web.fixtures import NOW, OTHER_SELLER, PEOPLE, Clock, post, read_token, sign_in

ROOT = Path(__file__).parents[2]


def make_key(engine: Engine, scope: str, name: str = "feed") -> str:
    with unit_of_work(engine) as session:
        return create_key(session, name=name, scope=scope, actor=COMMAND_LINE, now=NOW)


def test_a_stranger_is_led_to_the_sign_in_form_and_back(probe_app: Flask) -> None:
    answer = probe_app.test_client().get("/operator/probe?x=1&y=a%26b")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/login?next=/operator/probe?x%3D1%26y%3Da%2526b"


def test_a_stranger_calling_the_api_is_told_so_in_json(probe_app: Flask) -> None:
    answer = probe_app.test_client().get("/api/v1/mine")
    assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")


@pytest.mark.parametrize("role", ["seller_owner", "seller_staff", "mediator"])
def test_a_refused_page_equals_a_missing_one_byte_for_byte(probe_app: Flask, role: str) -> None:
    client = sign_in(probe_app, role)
    missing = client.get("/no/such/page")
    assert missing.status_code == 404
    for path in ("/operator/probe", "/operator/probe/", "/seller/probe/more", "/operator//probe"):
        refused = client.get(path)
        assert (refused.status_code, refused.data) == (404, missing.data)
        assert sorted(refused.headers) == sorted(missing.headers)
    assert client.post("/operator/probe").data == missing.data
    assert client.post("/operator/act").data == missing.data
    assert client.options("/operator/probe").data == missing.data


def test_a_foreign_shop_equals_a_missing_one(probe_app: Flask) -> None:
    client = sign_in(probe_app, "seller_owner")
    assert client.get("/probe/shops/halle-fr/morvan-fr").text == "Morvan-Fr"
    foreign = client.get("/probe/shops/lonja-es/bazar")
    assert foreign.status_code == 404
    assert foreign.data == client.get("/probe/shops/lonja-es/nobody").data
    assert sign_in(probe_app, email=OTHER_SELLER[0]).get("/probe/shops/lonja-es/bazar").status_code == 200
    assert sign_in(probe_app, "analyst").get("/probe/shops/lonja-es/bazar").status_code == 200


def test_people_see_their_own_shops_and_the_operator_all(probe_app: Flask) -> None:
    assert sign_in(probe_app, "seller_staff").get("/api/v1/mine").json == {"shops": [1, 2]}
    assert sign_in(probe_app, email=OTHER_SELLER[0]).get("/api/v1/mine").json == {"shops": [3]}
    assert sign_in(probe_app, "admin").get("/api/v1/mine").json == {"shops": None}


@pytest.mark.parametrize(
    ("role", "home"),
    [
        ("admin", "/operator/today"),
        ("analyst", "/operator/today"),
        ("seller_owner", "/seller/day"),
        ("seller_staff", "/seller/day"),
        ("mediator", "/mediator/queue"),
    ],
)
def test_everybody_comes_home_to_their_own_page(probe_app: Flask, role: str, home: str) -> None:
    assert sign_in(probe_app, role).get("/").headers["Location"] == home


def test_an_endpoint_that_nobody_listed_is_refused(probe_app: Flask) -> None:
    probe_app.extensions["operator_qos.permissions"].pop("probe.show_today")
    with pytest.raises(PermissionTableError, match=r"probe\.show_today is not in the permission table"):
        sign_in(probe_app, "admin").get("/operator/probe")


def test_a_table_that_names_nothing_is_refused(probe_app: Flask) -> None:
    with pytest.raises(PermissionTableError, match=r"do not exist: probe\.nothing"):
        init_permissions(probe_app, {"probe.nothing": Rule()})


def test_nobody_is_invented_where_nobody_need_sign_in(probe_app: Flask) -> None:
    with probe_app.test_request_context("/login"):
        with pytest.raises(PermissionTableError):
            current_actor()
        with pytest.raises(PermissionTableError):
            current_machine()


def test_every_endpoint_of_these_modules_is_in_the_table(probe_app: Flask) -> None:
    endpoints = {rule.endpoint for rule in probe_app.url_map.iter_rules()}
    assert endpoints == set(probe_app.extensions["operator_qos.permissions"])


def test_a_key_opens_its_scope_alone(probe_app: Flask, world: Engine) -> None:
    client, key = probe_app.test_client(), make_key(world, "ingest")
    answer = client.post("/api/v1/probe", headers={"Authorization": f"Bearer {key}"})
    assert answer.json == {"name": "feed", "marketplace": None}
    reader = make_key(world, "read", "reader")
    wrong = client.post("/api/v1/probe", headers={"Authorization": f"Bearer {reader}"})
    assert (wrong.status_code, wrong.mimetype) == (403, "application/problem+json")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer qos_wrong", "Basic cW9zOnFvcw=="])
def test_without_a_valid_key_the_api_says_how_to_get_one(probe_app: Flask, header: str) -> None:
    answer = probe_app.test_client().post("/api/v1/probe", headers={"Authorization": header})
    assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")
    assert "key create" in answer.get_json(force=True)["detail"]
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_revoked_key_opens_nothing_and_a_session_is_no_key(probe_app: Flask, world: Engine) -> None:
    key = make_key(world, "ingest")
    with unit_of_work(world) as session:
        revoke_key(session, name="feed", actor=COMMAND_LINE, now=NOW)
    client = sign_in(probe_app, "admin")
    assert client.post("/api/v1/probe", headers={"Authorization": f"Bearer {key}"}).status_code == 401
    assert client.post("/api/v1/probe").status_code == 401


def test_a_form_without_its_token_is_refused(probe_app: Flask) -> None:
    client = sign_in(probe_app, "admin")
    assert client.post("/operator/act").status_code == 400
    assert post(client, "/operator/act").text == "done"


def test_the_policy_allows_our_own_script_by_its_nonce_and_nothing_inline(probe_app: Flask) -> None:
    answer = probe_app.test_client().get("/login")
    policy = answer.headers["Content-Security-Policy"]
    found = re.search(r"script-src 'nonce-([\w-]+)'", policy)
    assert found
    assert f'nonce="{found.group(1)}"' in answer.text
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for part in ("form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'", "img-src 'self' data:"):
        assert part in policy
    again = probe_app.test_client().get("/login").headers["Content-Security-Policy"]
    assert again != policy


def test_no_template_has_inline_styles_scripts_or_handlers() -> None:
    pages = [path for path in (ROOT / "templates").rglob("*.html") if "mails" not in path.parts]
    assert len(pages) > 4
    for path in pages:
        text_ = path.read_text(encoding="utf-8")
        assert not re.search(r"""\s(style|on[a-z]+)\s*=\s*["'{]""", text_), (
            f"{path.name} has an inline attribute"
        )
        assert "javascript:" not in text_, path.name
        for tag in re.findall(r"<(?:script|style)\b[^>]*>", text_):
            assert "csp_nonce()" in tag, f"{path.name}: {tag} has no nonce"


def test_every_answer_carries_the_safe_headers(probe_app: Flask) -> None:
    for path in ("/login", "/no/such/page", "/static/qos.css", "/healthz", "/api/v1/mine"):
        headers = probe_app.test_client().get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "Content-Security-Policy" in headers
        assert "Strict-Transport-Security" not in headers
    assert probe_app.test_client().get("/login").headers["Cache-Control"] == "private, no-store"


def test_cookies_stay_on_the_site_and_out_of_scripts(probe_app: Flask) -> None:
    cookie = probe_app.test_client().get("/login").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie


def test_with_https_cookies_are_secure_and_browsers_are_told(world: Engine, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, secret_key="only for tests", secure_cookies=True, trust_proxy=True)
    made = build_app(("operator_qos.accounts.views",), settings=settings, engine=world, clock=Clock())
    answer = made.test_client().get("/login", headers={"X-Forwarded-Proto": "https"})
    assert answer.headers["Set-Cookie"].startswith("__Host-session=")
    assert "Secure" in answer.headers["Set-Cookie"]
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


def test_errors_speak_the_readers_language(probe_app: Flask) -> None:
    client = probe_app.test_client()
    assert "<h1>Page not found</h1>" in client.get("/nowhere").text
    french = client.get("/nowhere", headers={"Accept-Language": "fr-FR,fr;q=0.9"}).text
    assert "<h1>Page introuvable</h1>" in french
    assert '<html lang="fr">' in french


def test_a_program_gets_its_errors_in_json(probe_app: Flask) -> None:
    client = probe_app.test_client()
    missing = client.get("/api/v1/nothing")
    assert (missing.status_code, missing.mimetype) == (404, "application/problem+json")
    wrong = client.get("/api/v1/probe")
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, "OPTIONS, POST")


def test_a_body_beyond_the_limit_is_refused_as_too_large(probe_app: Flask) -> None:
    probe_app.config["MAX_CONTENT_LENGTH"] = 100
    client = probe_app.test_client()
    token = read_token(client)
    answer = client.post("/login", data={"csrf_token": token, "email": "x" * 200})
    assert answer.status_code == 413
    assert "Too large" in answer.text


def test_a_crash_is_told_without_asking_the_database(
    probe_app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    probe_app.testing = False
    # Whatever an earlier test did to the loggers of this process.
    probe_app.logger.disabled, probe_app.logger.propagate = False, True
    client = sign_in(probe_app, "admin")
    answer = client.get("/operator/crash")
    assert answer.status_code == 500
    assert "Your last step was not saved." in answer.text
    assert "ZeroDivisionError" in caplog.text


def test_with_the_database_damaged_the_error_page_still_comes(probe_app: Flask, world: Engine) -> None:
    probe_app.testing = False
    client = sign_in(probe_app, "admin")
    with unit_of_work(world) as session:
        cascade = " CASCADE" if session.get_bind().dialect.name == "postgresql" else ""
        session.execute(text(f"DROP TABLE users{cascade}"))
    assert client.get("/operator/probe").status_code == 500


def test_static_files_are_small_and_kept_for_ever(probe_app: Flask) -> None:
    client = probe_app.test_client()
    for file in re.findall(r'"(/static/[^"]+)"', client.get("/login").text):
        answer = client.get(file.replace("&amp;", "&"), headers={"Accept-Encoding": "gzip, br"})
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["Content-Encoding"] == "gzip"
        assert len(answer.data) < 60_000
    plain = client.get("/static/qos.css")
    assert "Content-Encoding" not in plain.headers
    assert "immutable" not in plain.headers["Cache-Control"]
    assert plain.data == (ROOT / "static/qos.css").read_bytes()


def test_the_menu_shows_what_exists_and_where_one_is(probe_app: Flask) -> None:
    page = sign_in(probe_app, "admin").get("/operator/probe").text
    assert PEOPLE["admin"][1] in page
    assert "/operator/reports" not in page


def test_a_page_is_compressed_for_whoever_asks_from_here(probe_app: Flask) -> None:
    client = sign_in(probe_app, "admin")
    plain = client.get("/operator/probe")
    assert "Content-Encoding" not in plain.headers
    for asked, taken, unpack in (("gzip, br, zstd", "zstd", zstd.decompress), ("gzip", "gzip", gzip.decompress)):
        answer = client.get("/operator/probe", headers={"Accept-Encoding": asked, "Sec-Fetch-Site": "same-origin"})
        assert (answer.headers["Content-Encoding"], "Accept-Encoding" in answer.vary) == (taken, True)
        assert len(answer.data) < len(plain.data)
        assert len(unpack(answer.data)) == len(plain.data)  # but for its tokens it is the same page
    from_elsewhere = client.get("/operator/probe", headers={"Accept-Encoding": "zstd", "Sec-Fetch-Site": "cross-site"})
    assert "Content-Encoding" not in from_elsewhere.headers
    assert "Content-Encoding" not in client.get("/healthz", headers={"Accept-Encoding": "zstd"}).headers
