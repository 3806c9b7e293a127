"""Every refusal of a standard is said in French, too: those raised anywhere in its code are found and held to it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from operator_qos.standards.refusal_patterns import INSIDE, REFUSALS
from operator_qos.standards.refusals import say_problem
from operator_qos.standards.rules import list_mistakes
from scoring.standards import read_preset

ROOT = Path(__file__).parents[2]
RAISED = {"refuse", "StandardError", "ConditionError", "VersionStateError", "TrialStateError",
          "UnknownMarketplaceError", "UnknownVersionError"}
SOURCES = [*sorted((ROOT / "scoring" / "standards").glob("*.py")), ROOT / "scoring" / "scopes.py",
           *(ROOT / "operator_qos" / "standards" / f"{name}.py" for name in (
               "following", "queries", "rules", "service", "trying")),
           ROOT / "operator_qos" / "trials" / "service.py", ROOT / "operator_qos" / "evaluation" / "queries.py"]


def list_texts(node: ast.expr) -> Iterator[str]:
    """The text as it may be raised, `X` for what is filled in; nothing of what comes from elsewhere."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
    elif isinstance(node, ast.IfExp):
        yield from list_texts(node.body)
        yield from list_texts(node.orelse)


def list_raised() -> Iterator[tuple[str, str]]:
    """(place, text) of everything a standard is refused with."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RAISED:
                number = 1 if node.func.id in {"StandardError", "ConditionError"} else 0
                for text in list_texts(node.args[number]) if len(node.args) > number else ():
                    yield f"{path.name}:{node.lineno}", text


def test_every_refusal_is_said_in_french() -> None:
    raised = list(list_raised())
    assert len(raised) > 80
    assert [(place, text) for place, text in raised if say_problem(text, "fr") == text] == []


def test_what_is_filled_in_stays() -> None:
    slot = re.compile(r"%\((\w+)\)s")
    for english in REFUSALS:
        filled = [f"<{name}>" for name in slot.findall(english)]
        said = say_problem(slot.sub(lambda found: f"<{found[1]}>", english), "fr")
        assert [one for one in filled if one not in said] == [], english
        assert said != english
    assert len(set(REFUSALS) | set(INSIDE)) == len(REFUSALS) + len(INSIDE)


@pytest.mark.parametrize(("edit", "english", "french"), [
    (('kept_when: "<= 4 %"', "kept_when: 4"), 'expected a comparison like "<= 2 %" or a mapping like {bad: "< 3"}',
     'une comparaison comme "<= 2\u00a0%" ou une forme comme {bad: "< 3"} est attendue\u00a0; trouvé\u00a0: 4'),
    (("clock: opening_hours", "clock: opening_hour"), "no clock 'opening_hour'; is opening_hours meant?",
     "pas d’horloge 'opening_hour'\u00a0; voulez-vous dire opening_hours\u00a0?"),
    (("window: {days: 60}", "window: {days: 0}"), "0 is not between 1 and 3660", "0 n’est pas entre 1 et 3660"),
    (("unit: order", "unit: box"), "'box' is none of ", "'box' n’est aucun de\u00a0: "),
    (("id: ours", "id: ours\nfoo: 1"), "unknown field", "champ inconnu"),
])
def test_mistakes_of_a_text_read_like_this(edit: tuple[str, str], english: str, french: str) -> None:
    mistakes = list_mistakes(read_preset("ours").replace(*edit, 1))
    assert mistakes[0].problem.startswith(english)
    assert say_problem(mistakes[0].problem, "fr").startswith(french)
    assert say_problem(mistakes[0].problem, "en") == mistakes[0].problem


def test_a_text_nobody_knows_stays_as_it_is() -> None:
    assert say_problem("Input should be a valid frobnicator", "fr") == "Input should be a valid frobnicator"


def test_what_somebody_wrote_is_shown_word_for_word() -> None:
    assert say_problem("no rule or figure '%(one)s {} 4 %'", "fr") == "pas de règle ni de chiffre '%(one)s {} 4 %'"
