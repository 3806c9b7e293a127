"""Helpers of pages."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from operator_qos.models import User
from operator_qos.web import Page, get_session, now, page_url, read_page, safe_next, take_page, writing
from tests.web.fixtures import NOW, Clock


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "evil.example",
        "",
        "/ok\r\nSet-Cookie: a=b",
        "\\\\evil.example",
        None,
    ],
)
def test_nobody_is_sent_to_another_site(target: str | None) -> None:
    assert safe_next(target, "/home") == "/home"


@pytest.mark.parametrize("target", ["/", "/seller/day?state=late&shop=1", "/a//b", "/search?q=https://x"])
def test_a_path_of_the_site_is_kept(target: str) -> None:
    assert safe_next(target, "/home") == target


@pytest.mark.parametrize(
    ("query", "total", "number", "first", "last"),
    [
        ("", 0, 1, 0, 0),
        ("?page=2", 60, 2, 51, 60),
        ("?page=9", 60, 2, 51, 60),
        ("?page=-1", 60, 1, 1, 50),
        ("?page=x", 50, 1, 1, 50),
    ],
)
def test_a_page_that_does_not_exist_becomes_the_nearest_one(
    probe_app: Flask, query: str, total: int, number: int, first: int, last: int
) -> None:
    with probe_app.test_request_context(f"/login{query}"):
        page = read_page(total)
    assert (page.number, page.first, page.last) == (number, first, last)


def test_a_page_takes_its_rows_and_keeps_the_filters(probe_app: Flask) -> None:
    assert take_page(range(60), Page(2, 50, 60)) == range(50, 60)
    with probe_app.test_request_context("/login?state=late&state=mine&page=2"):
        assert page_url(3) == "/login?state=late&state=mine&page=3"


def test_the_moment_stands_still_within_a_request(probe_app: Flask, clock: Clock) -> None:
    with probe_app.test_request_context("/"):
        assert now() == NOW
        clock.now = NOW.replace(hour=9)
        assert now() == NOW
    with probe_app.test_request_context("/"):
        assert now() == NOW.replace(hour=9)


def test_a_read_after_a_write_sees_it_and_reads_change_nothing(probe_app: Flask) -> None:
    names = select(User.name).where(User.id == 1)
    with probe_app.test_request_context("/"):
        before = get_session().scalar(names)
        with writing() as session:
            session.get_one(User, 1).name = "Changed"
        assert (before, get_session().scalar(names)) == ("Inès Caron", "Changed")
        with pytest.raises(ZeroDivisionError), writing() as session:
            session.get_one(User, 1).name = "Half done"
            session.flush()
            raise ZeroDivisionError
        assert get_session().scalar(names) == "Changed"
