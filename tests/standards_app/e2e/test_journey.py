"""An operator changes a standard in a browser, in both languages: written, corrected, tried, announced, read by all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.e2e.visits import DESK, PHONE, Visitor
from tests.e2e.world import LANGUAGES

pytestmark = pytest.mark.browser
Visit = Callable[[str, str], Visitor]
WORDS = {
    "en": {"next": "Write the next version", "keep": "Keep the draft", "line": "Line", "none": "No mistake.",
           "try": "Try on history", "publish": "Publish", "limit": "at most 3%", "announced": "Announced"},
    "fr": {"next": "Écrire la version suivante", "keep": "Garder le brouillon", "line": "Ligne",
           "none": "Aucune erreur.", "try": "Essayer sur le passé", "publish": "Publier", "limit": "au plus 3 %",
           "announced": "Annoncée"},
}


def inspect(tab: Visitor) -> None:
    """The page suits everybody, on a desk and on a phone."""
    assert tab.list_violations() == []
    tab.page.set_viewport_size(PHONE)
    assert tab.overflow() <= 0
    assert tab.list_violations() == []
    tab.page.set_viewport_size(DESK)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_standard_is_written_corrected_tried_announced_and_read_by_everybody(
    visit: Visit, stranger: Visitor, language: str
) -> None:
    said, tab = WORDS[language], visit("operator", language)
    tab.open("/operator/standards")
    inspect(tab)
    tab.click("tbody th a")
    inspect(tab)
    tab.click(f"button:text-is('{said['next']}')")
    text = tab.page.input_value("#text")
    wrong = text.replace('"<= 4 %"', '"about 3 %"').replace('"<= 3 %"', '"about 3 %"')
    line = next(number for number, written in enumerate(wrong.splitlines(), 1) if "about" in written)
    tab.page.fill("#text", wrong)
    mistake = tab.page.get_by_role("button", name=f"{said['line']} {line}")
    expect(mistake).to_be_visible()
    inspect(tab)
    mistake.click()
    assert "about 3 %" in tab.page.evaluate("getSelection().toString() || (t => t.value.slice(t.selectionStart,"
                                            " t.selectionEnd))(document.getElementById('text'))")
    tab.page.fill("#text", wrong.replace("about 3 %", "<= 3 %"))
    expect(tab.page.locator("#mistakes")).to_contain_text(said["none"])
    tab.click(f"button:text-is('{said['keep']}')")
    assert said["limit"] in tab.read()
    inspect(tab)
    draft = tab.page.url.removeprefix(tab.address)
    tab.click(f"a:text-is('{said['try']}')")
    inspect(tab)
    tab.open(draft)
    tab.page.fill("#why", "Parcels came late")
    tab.click(f"button:text-is('{said['publish']}')")
    assert said["announced"] in tab.read()
    stranger.open(draft.replace("/operator", ""))
    assert "Parcels came late" in stranger.read() and "at most 3%" in stranger.read()
    inspect(stranger)
