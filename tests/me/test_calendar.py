"""The calendar holds the page's deadlines, names each for good, and takes back what is done."""

from __future__ import annotations

import re
from datetime import timedelta

from flask import Flask
from icalendar import Calendar
from sqlalchemy import Engine

from operator_qos.clock import to_ms
from operator_qos.db import unit_of_work
from operator_qos.models import User
from tests.me.tools import follow
from tests.pages import seller_world as sw
from tests.web.fixtures import NOW, OTHER_SELLER, Clock, post, sign_in

ADDRESS = re.compile(r"http://127.0.0.1:8000(/seller/calendar/[\w-]+\.ics)")


def make(app: Flask, email: str = "claire@morvan.example") -> str:
    """The path of a new calendar."""
    person = sign_in(app, email=email)
    assert post(person, "/seller/tools/calendar").status_code == 303
    (path,) = ADDRESS.findall(person.get("/seller/tools").text)
    return str(path)


def read(app: Flask, path: str) -> dict[str, dict[str, str]]:
    """The events of a calendar by their names."""
    answer = app.test_client().get(path)
    assert (answer.status_code, answer.mimetype) == (200, "text/calendar")
    return {str(event["uid"]): {"title": str(event["summary"]), "end": event.decoded("dtend"),
                                "number": event["sequence"], "status": str(event["status"])}
            for event in Calendar.from_ical(answer.data).walk("VEVENT")}


def test_it_holds_what_the_page_shows(app: Flask, world: Engine) -> None:
    sw.fill(world)
    path = make(app)
    events = sorted(read(app, path).values(), key=lambda event: event["end"])
    assert [event["title"] for event in events] == sw.list_shown(sign_in(app, "seller_owner").get("/seller/day").text)
    assert events[0]["end"].isoformat() == "2026-06-17T16:00:00+00:00"
    again = app.test_client().get(path, headers={"If-None-Match": app.test_client().get(path).headers["ETag"]})
    assert again.status_code == 304


def test_what_is_done_is_taken_back_under_its_own_name(app: Flask, world: Engine, clock: Clock) -> None:
    sw.fill(world)
    path = make(app)
    before = read(app, path)
    clock.now = NOW + timedelta(minutes=30)
    sw.send(world, sw.event(sw.HALLE, "order.shipped", "O-1", "2026-06-18T08:00:00Z", carrier="Colis Nord"),
            sw.event(sw.HALLE, "order.promise_moved", "O-2", "2026-06-18T08:00:00Z", kind="ship", agreed_by="buyer",
                     to="2026-06-26T16:00:00Z"), now=clock.now)
    follow(world, clock.now)
    after = read(app, path)
    assert set(after) >= set(before)
    by_title = {event["title"]: event for event in after.values()}
    shipped = by_title["Ship the order, O-1"]
    assert (shipped["status"], shipped["end"].isoformat()) == ("CANCELLED", "2026-06-17T16:00:00+00:00")
    moved = by_title["Ship the order, O-2"]
    assert (moved["status"], to_ms(moved["end"]), moved["number"] > 0) == ("CONFIRMED", 1782489600000, True)
    clock.now = NOW + timedelta(days=20)
    assert "Ship the order, O-1" not in {event["title"] for event in read(app, path).values()}


def test_it_speaks_the_language_of_its_owner_and_ends_with_them(app: Flask, world: Engine) -> None:
    sw.fill(world)
    sw.speak_french(world)
    path, foreign = make(app), make(app, OTHER_SELLER[0])
    titles = {event["title"] for event in read(app, path).values()}
    assert any("O-1" in title and "Exp" in title for title in titles), titles
    assert {"O-1", "F-1"} & {title.rpartition(" ")[2] for title in titles} == {"O-1"}
    assert not titles & {event["title"] for event in read(app, foreign).values()}
    new = make(app)
    assert [app.test_client().get(one).status_code for one in (path, new)] == [404, 200]
    owner = sign_in(app, "seller_owner")
    assert post(owner, "/seller/tools/calendar/end").status_code == 303
    assert app.test_client().get(new).status_code == 404
    last = make(app)
    with unit_of_work(world) as session:
        session.query(User).filter_by(email="claire@morvan.example").update({"active": False})
    assert app.test_client().get(last).status_code == 404
    assert app.test_client().get("/seller/calendar/nothing.ics").status_code == 404
