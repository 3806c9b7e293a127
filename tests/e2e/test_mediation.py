"""A mediator's way from the queue to the decision as PDF, in both languages, on a phone and on a desk."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fpdf import FPDF
from playwright.sync_api import FilePayload, expect

from tests.e2e.visits import DESK, PHONE, Visitor

pytestmark = pytest.mark.browser
Visit = Callable[[str, str], Visitor]
OTHER = {"en": "Français", "fr": "English"}


def _find_holder(visit: Visit) -> tuple[Visitor, str]:
    """Cases go to the mediator with the fewest: the one of the two who has it, at the case."""
    for language in ("en", "fr"):
        tab = visit("mediator", language)
        tab.open("/mediator/queue")
        links = tab.page.locator("main a[href^='/mediator/cases/']")
        if links.count():
            tab.follow(links.first)
            return tab, language
    raise AssertionError("no case waits for a mediator")


def _inspect(tab: Visitor) -> None:
    """Everything unfolded, on both widths."""
    for size in (PHONE, DESK):
        tab.page.set_viewport_size(size)
        tab.page.evaluate("document.querySelectorAll('main details').forEach((d) => { d.open = true; })")
        assert tab.list_violations() == []
        assert tab.overflow() == 0


def test_from_the_queue_to_the_decision(visit: Visit) -> None:
    tab, language = _find_holder(visit)
    case = tab.page.url.removeprefix(tab.address)
    for spoken in (language, "fr" if language == "en" else "en"):
        _inspect(tab)
        tab.press(OTHER[spoken])
    expect(tab.page.locator("#grounds")).to_be_visible()
    tab.page.fill("#grounds", "Never handed over at the address.")
    tab.page.check("main input[name=fault][value=carrier]")
    tab.page.check("main input[name=counts][value=no]")
    tab.click(".q-verdictform button[type=submit]")
    assert "Never handed over at the address." in tab.read()
    _inspect(tab)
    for spoken in ("en", "fr"):
        answer = tab.page.request.get(f"{tab.address}{case}/decision.pdf?language={spoken}")
        assert (answer.status, answer.headers["content-type"]) == (200, "application/pdf")
        assert answer.body().startswith(b"%PDF-")


def test_a_pdf_is_looked_at_without_leaving_the_page(visit: Visit) -> None:
    made = FPDF()
    made.add_page()
    tab = visit("seller", "en")
    tab.open("/seller/disputes/1")
    tab.page.locator("summary", has_text="Keep a private note").click()
    tab.page.fill("#text-note", "The delivery note.")
    note = FilePayload(name="note.pdf", mimeType="application/pdf", buffer=bytes(made.output()))
    tab.page.set_input_files("#files-note", [note])
    tab.press("Keep the note")
    with tab.page.expect_response(lambda answer: "preview=1" in answer.url) as shown:
        tab.page.get_by_role("link", name="Look at it here").click()
    assert shown.value.status == 200
    expect(tab.page.locator("object[type='application/pdf']")).to_be_visible()
    assert tab.list_violations() == []
    tab.page.get_by_role("link", name="Close the PDF").click()
    expect(tab.page.locator("object")).to_have_count(0)
    assert [text for text in tab.complaints if "chrome" not in text] == []
    tab.complaints.clear()  # the viewer's own parts are no host that we ask
