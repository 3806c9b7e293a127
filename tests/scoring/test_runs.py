"""Refusals in a row and buyers who came back, against the plain reading of their rules."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scoring.runs import REPEAT_MS, Answer, Purchase, list_chances, list_streak

FEW = st.integers(0, 4)
ANSWERS = st.lists(st.tuples(FEW, st.sampled_from(("accepted", "refused", "forgiven"))), max_size=9)
# A day before, at, and after the last instant of ninety days.
MOMENTS = st.sampled_from((0, 1, REPEAT_MS - 1, REPEAT_MS, REPEAT_MS + 1, 2 * REPEAT_MS))
PURCHASES = st.lists(st.tuples(st.sampled_from("ab"), MOMENTS), max_size=9)


@given(ANSWERS)
def test_a_streak_is_what_a_replay_of_the_answers_leaves(said: list[tuple[int, str]]) -> None:
    answers = [Answer(f"O{n}", at, word == "accepted", word == "refused") for n, (at, word) in enumerate(said)]
    run: list[str] = []
    for answer in sorted(answers, key=lambda answer: (answer.at_ms, not answer.accepted)):
        run = [] if answer.accepted else [*run, *([answer.unit] if answer.counts else [])]
    assert sorted(list_streak(answers)) == sorted(run)
    assert sorted(list_streak(answers[::-1])) == sorted(run)


def test_a_forgiven_refusal_leaves_the_row_without_ending_it() -> None:
    answers = [Answer("O1", 1, accepted=False, counts=True), Answer("O2", 2, accepted=False, counts=False),
               Answer("O3", 3, accepted=False, counts=True)]
    assert list_streak(answers) == ["O1", "O3"]


@given(PURCHASES)
def test_a_buyer_came_back_when_any_other_order_followed_in_time(bought: list[tuple[str, int]]) -> None:
    orders = [Purchase(buyer, at, f"O{n}") for n, (buyer, at) in enumerate(bought)]
    start, until = REPEAT_MS, 2 * REPEAT_MS + 1
    found = {chance.first.buyer: chance.missed for chance in list_chances(orders, start_ms=start, as_of_ms=until)}
    expected = {}
    for buyer in {order.buyer for order in orders}:
        own = sorted(order.at_ms for order in orders if order.buyer == buyer and order.at_ms < until)
        if own and own[0] < until - REPEAT_MS:
            expected[buyer] = len([at for at in own if at <= own[0] + REPEAT_MS]) < 2
    assert found == expected
