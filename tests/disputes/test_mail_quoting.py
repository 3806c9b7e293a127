"""What is left of an answer by mail once everything quoted is gone."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_qos.disputes.mailing.quoting import read_html, strip_quoted
from operator_qos.notices.mail import render_reply_line

LINES = {language: render_reply_line("answer", ("buyer",), language=language) for language in ("en", "fr")}
OURS = f"{LINES['en']}\n\nHello Claire,\n\nCase: D-1\n\nThe whole case:\nhttps://qos.example/seller/disputes/1"


def _quote(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


# How programs put an answer together with what it answers.
CLIENTS: dict[str, Callable[[str], str]] = {
    "plain mark": lambda own: f"{own}\n\n{OURS}",
    "gmail": lambda own: f"{own}\n\nOn Mon, Mar 2, 2026 at 9:00 AM QoS <q@o.example> wrote:\n\n{_quote(OURS)}",
    "gmail over two lines": lambda own: (
        f"{own}\n\nOn Mon, Mar 2, 2026 at 9:00 AM QoS\n<q@o.example> wrote:\n\n{_quote(OURS)}"),
    "gmail in french": lambda own: f"{own}\n\nLe lun. 2 mars 2026, QoS <q@o.example> a écrit :\n\n{_quote(OURS)}",
    "apple": lambda own: (
        f"{own}\n\nSent from my iPhone\n\n> On 2 Mar 2026, at 09:00, QoS <q@o.example> wrote:\n> \n{_quote(OURS)}"),
    "outlook": lambda own: (
        f"{own}\n\n{'_' * 32}\nFrom: QoS <q@o.example>\nSent: Monday, March 2\nTo: Claire\nSubject: New\n\n{OURS}"),
    "outlook in french": lambda own: f"{own}\n\nDe : QoS <q@o.example>\nEnvoyé : lundi 2 mars\nÀ : Claire\n\n{OURS}",
    "outlook, old": lambda own: f"{own}\n\n-----Message d'origine-----\nDe : QoS\n\n{OURS}",
    "written below": lambda own: f"On Mon, Mar 2, 2026 QoS <q@o.example> wrote:\n{_quote(OURS)}\n\n{own}",
    "signature": lambda own: f"{own}\n\n-- \nClaire Morvan\nMorvan SARL",
    "line of ours broken": lambda own: f"{own}\n\n> {LINES['en'][:60]}\n> {LINES['en'][61:]}\n> Hello",
}
OWN = "The parcel was lost.\n\nWe send a new one on Monday: is that fine?\nPrice - 3 EUR, 14:30"


@pytest.mark.parametrize("client", CLIENTS)
def test_only_the_own_words_are_left(client: str) -> None:
    assert strip_quoted(CLIENTS[client](OWN)) == OWN


words = st.text(alphabet="abc é,.?!:-0 ", min_size=1, max_size=60).map(lambda text: text.strip(" -") or "a")


@given(st.lists(words, min_size=1, max_size=6), st.sampled_from(sorted(CLIENTS)))
def test_whatever_is_written_survives_every_program(lines: list[str], client: str) -> None:
    own = "\n".join(lines)
    assert strip_quoted(CLIENTS[client](own)) == own


def test_answers_between_quoted_lines_are_kept() -> None:
    asked = "On Monday QoS <q@o.example> wrote:\n> Was it sent?\nYes.\n> When?\nOn Friday.\n\n"
    text = f"{asked}{_quote(LINES['fr'])}\n> more"
    assert strip_quoted(text) == "Yes.\nOn Friday."


@pytest.mark.parametrize("text", [
    "On Friday the carrier wrote: we lost it.\nWhat now?", "From: my point of view\nTo: yours",
    "# 1\n## 2\nthree", "De : rien", "-- \nnothing above"])
def test_words_that_only_look_quoted_stay(text: str) -> None:
    assert strip_quoted(text) == ("" if text.startswith("--") else text)


def test_nothing_of_ones_own_is_nothing() -> None:
    assert strip_quoted(f"\n\n{_quote(OURS)}") == ""


@pytest.mark.parametrize("text", [
    "On " * 200_000, "On x wrote" * 100_000, "\n".join(["On a wrote"] * 50_000), ">" * 500_000, "From: \n" * 50_000,
    "##\n" * 100_000])
def test_a_mail_written_to_keep_us_busy_does_not(text: str) -> None:
    began = time.process_time()
    strip_quoted(text)
    assert time.process_time() - began < 10  # endless for a pattern that tries everything


def test_a_page_is_read_as_words() -> None:
    page = (
        "<html><head><title>x</title><style>p{}</style></head><body><p>It was&nbsp;<b>sent</b>.</p>"
        "<div>On Friday &amp; late</div><script>alert(1)</script><blockquote><p>Was it sent?</p></blockquote>"
        "Bye<br>C.</body></html>")
    assert read_html(page) == "It was sent.\n\nOn Friday & late\n\nBye\nC."
