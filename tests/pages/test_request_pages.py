"""Pages of requests, shared faults and the register: the whole way of a request, and what others may not see."""

from __future__ import annotations

import io
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from tests.pages.operator_world import FORGIVEN, fill_world
from tests.web.fixtures import read_token, sign_in

NEW = "/seller/requests/new/halle-fr/morvan-fr"
LATE = f"{NEW}?metric=late_shipment_rate"
OTHERS = "lucia@norte.example"
ASKED = {"cause": "carrier_strike", "body": "The depot was shut <b>all week</b>."}
THING = '["ship", "morvan-fr-{n}"]'
PDF = b"%PDF-1.4 letter"


@pytest.fixture
def site(app: Flask, world: Engine) -> Flask:
    fill_world(world)
    return app


def send(client: FlaskClient, path: str, data: dict[str, object]) -> TestResponse:
    """A form with its token and files, and the page it leads to."""
    token = read_token(client, "/account")
    return client.post(path, data={"csrf_token": token, **data}, content_type="multipart/form-data",
                       follow_redirects=True)


def ask(client: FlaskClient, *numbers: int, **more: object) -> TestResponse:
    letter = (io.BytesIO(PDF), "letter.pdf")
    things = [THING.format(n=n) for n in numbers]
    return send(client, LATE, {"token": f"t{numbers}", "thing": things, "files": [letter], **ASKED, **more})


def find_request(page: TestResponse) -> str:
    found = re.search(r"no\. (\d+)|n° (\d+)", page.text)
    assert found is not None
    return found.group(1) or found.group(2)


def test_a_request_goes_its_whole_way(site: Flask) -> None:
    claire, ines, jana = sign_in(site, "seller_owner"), sign_in(site, "admin"), sign_in(site, "analyst")
    units = claire.get("/seller/shops/halle-fr/morvan-fr/metrics/late_shipment_rate").text
    assert "/seller/requests/new/halle-fr/morvan-fr?metric=late_shipment_rate&amp;unit=morvan-fr-2" in units
    form = claire.get(f"{LATE}&unit=morvan-fr-2").text
    assert len(re.findall(r'name="thing"', form)) == 4
    assert re.search(r'morvan-fr-2[^>]*" checked', form)

    page = ask(claire, 2, 3)
    assert page.status_code == 200, page.text
    number = find_request(page)
    assert "Carrier strike" in page.text and "all week&lt;/b&gt;" in page.text
    letter = claire.get(f"/seller/requests/{number}/files/1")
    assert (letter.data, letter.mimetype) == (PDF, "application/pdf")

    queue = ines.get("/operator/requests").text
    assert f"/operator/requests/{number}" in queue and re.search("25\\sJune", queue)
    shown = ines.get(f"/operator/requests/{number}").text
    assert "2 of 28" in shown  # what granting both would leave of 4 of 30
    items = re.findall(r'name="item" value="(\d+)"', shown)
    said = {"do": "grant", "item": items[0], "why": "The letter names the first only."}
    decided = send(ines, f"/operator/requests/{number}/decide", said)
    assert "Granted in part" in decided.text

    own = claire.get(f"/seller/requests/{number}").text
    assert "The letter names the first only." in own and "ines@operator.example" not in own
    assert "Appeal being decided" in send(claire, f"/seller/requests/{number}/appeal", {"body": "It names both."}).text
    assert "decided by somebody else" in ines.get(f"/operator/requests/{number}").text
    refused = send(ines, f"/operator/requests/{number}/decide", {"do": "grant", "item": items[1], "why": "Well."})
    assert (refused.status_code, "somebody who did not decide" in refused.text) == (400, True)
    done = send(jana, f"/operator/requests/{number}/decide", {"do": "grant", "item": items[1], "why": "It does."})
    assert re.search(r"<b>Granted\.</b>", done.text)
    ended = send(ines, f"/operator/requests/{number}/end", {"item": items[0], "why": "Forged."})
    assert "Counts again" in ended.text


def test_what_is_wrong_is_said_and_what_was_typed_stays(site: Flask) -> None:
    claire = sign_in(site, "seller_owner")
    for more, said in (
        ({"body": ""}, "Write what happened."),
        ({"cause": ""}, "Choose one of the causes listed."),
        ({"thing": []}, "Choose at least one thing"),
        ({"thing": [THING.format(n=9)]}, "does not count against the shop"),
        ({"thing": ['["ship", "bazar-1"]']}, "does not count against the shop"),
        ({"files": [(io.BytesIO(b"MZ\x00\xff"), "a.pdf")]}, "Only PNG, JPEG"),
        ({"files": []}, "needs a file"),
    ):
        page = ask(claire, 2, **more)
        assert (page.status_code, said in page.text) == (400, True), said
        assert "body" in more or "all week&lt;/b&gt;" in page.text
    assert ask(claire, 2).status_code == 200
    again = ask(claire, 2, token="another")
    assert (again.status_code, "contested before" in again.text) == (400, True)
    order = claire.get(f"{NEW}?order={FORGIVEN}").text
    assert "Forgiven" in order and "[&#34;ship&#34;" not in order


def test_another_company_sees_none_of_it(site: Flask) -> None:
    claire, lucia = sign_in(site, "seller_owner"), sign_in(site, email=OTHERS)
    number = find_request(ask(claire, 2))
    missing = lucia.get("/seller/requests/999999")
    for path in (f"/seller/requests/{number}", f"/seller/requests/{number}/files/1", NEW):
        answer = lucia.get(path)
        assert (answer.status_code, answer.data) == (404, missing.data), path
    assert send(lucia, f"/seller/requests/{number}/appeal", {"body": "Mine."}).status_code == 404
    assert "Carrier strike" not in lucia.get("/seller/requests").text
    register = lucia.get("/seller/register").text
    assert "Other causes, few sellers each" in register and "Morvan" not in register


def test_several_requests_are_decided_at_once_or_none(site: Flask) -> None:
    claire, ines = sign_in(site, "seller_owner"), sign_in(site, "admin")
    numbers = [find_request(ask(claire, 2)), find_request(ask(claire, 3))]
    nothing = send(ines, "/operator/requests/decide", {"do": "grant", "why": "Yes."})
    assert (nothing.status_code, "Tick the requests" in nothing.text) == (400, True)
    wordless = send(ines, "/operator/requests/decide", {"do": "grant", "why": " ", "request": numbers})
    assert (wordless.status_code, "Write the reasons" in wordless.text) == (400, True)
    assert "2 requests wait" in ines.get("/operator/requests").text
    done = send(ines, "/operator/requests/decide", {"do": "grant", "why": "The depot was shut.", "request": numbers})
    assert "No request waits." in done.text and done.text.count("Granted") >= 2


def test_a_shared_fault_is_proposed_shown_and_approved_on_its_pages(site: Flask) -> None:
    ines = sign_in(site, "admin")
    form = {"marketplace": "halle-fr", "metric": "late_shipment_rate", "dimension": "carrier", "value": "colisnord",
            "first": "2026-06-01", "last": "2026-06-15", "cause": "platform_fault"}
    for more, said in (({"first": "soon"}, "Write two days"), ({"first": "2026-01-01"}, "at most 92 days"),
                       ({"value": ""}, "Choose a marketplace"), ({"value": "nobody"}, "Nothing of the kind"),
                       ({"marketplace": "moon"}, "Choose a marketplace")):
        page = send(ines, "/operator/incidents", {**form, **more})
        assert (page.status_code, said in page.text) == (400, True), said
    shown = send(ines, "/operator/incidents", form)
    assert "Carrier colisnord: late shipments" in shown.text
    assert "4 of 30" in shown.text and "0 of 26" in shown.text
    number = re.search(r"/operator/incidents/(\d+)/approve", shown.text)
    assert number is not None
    path = f"/operator/incidents/{number.group(1)}"
    assert "Write the reasons" in send(ines, f"{path}/approve", {"cause": "platform_fault", "why": ""}).text
    assert "Forgiven in every shop" in send(ines, f"{path}/approve", {"cause": "platform_fault", "why": "Down."}).text
    assert "Down." in ines.get(path).text
    register = sign_in(site, "seller_owner").get("/seller/register").text
    assert "Carrier colisnord" in register and "fewer than 5" in register
    assert "It counts again" in send(ines, f"{path}/end", {"why": "It was up."}).text


def test_french_readers_read_french(site: Flask) -> None:
    claire, ines = sign_in(site, "seller_owner"), sign_in(site, "admin")
    number = find_request(ask(claire, 2))
    for client, paths in (
        (claire, ("/seller/requests", LATE, f"/seller/requests/{number}", "/seller/register")),
        (ines, ("/operator/requests", f"/operator/requests/{number}", "/operator/incidents")),
    ):
        client.set_cookie("lang", "fr")
        send(client, "/language", {"language": "fr", "next": "/"})
        for path in paths:
            page = client.get(path).text
            assert '<html lang="fr">' in page
            for word in (">Requests<", "Being decided", "Contest<", "Granted", "Register of"):
                assert word not in re.sub(r"<(script|style).*?</\1>", "", page, flags=re.S), (path, word)
