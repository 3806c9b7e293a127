"""The state machine as a drawing, made from the table itself."""

from __future__ import annotations

from dataclasses import dataclass

from operator_qos.disputes.rules import ACTIONS, IN_MEDIATION, OPEN_STATES, STATES, TALKING, Action

WIDTH, HEIGHT, BOX_WIDTH, BOX_HEIGHT = 1120, 390, 146, 34
# Where each state stands: column and row, so that time runs to the right and mediation lies below the talks.
_PLACES = {
    "opened": (0, 0), "seller_overdue": (0, 1), "in_discussion": (1.25, 0), "settled": (2.5, 1), "closed": (5, 1),
    "auto_closed": (2.5, 0), "withdrawn": (5, 0), "escalated": (1.25, 2), "assigned": (2.5, 2),
    "evidence_asked": (2.5, 3), "decided": (3.75, 2), "under_appeal": (3.75, 3), "final": (5, 3),
}
# States that an action leads to beside the one its row names: what follows from the facts or from a second look.
_FINER = {
    ("take", "escalated"): ("assigned",), ("ask_evidence", "assigned"): ("evidence_asked",),
    ("give_evidence", "evidence_asked"): ("assigned",), ("decide", "under_appeal"): ("final",),
}


# Where the same is possible in all states of a group, one way is drawn for all; the table says it in full.
_SPEAKERS = ((OPEN_STATES, None), (TALKING, "in_discussion"), (IN_MEDIATION, "assigned"))


@dataclass(frozen=True)
class Box:
    """One state [px]."""

    state: str
    x: int
    y: int


@dataclass(frozen=True)
class Arrow:
    """A way from one state to another, with the numbers of its actions in the table [px]."""

    x1: int
    y1: int
    x2: int
    y2: int
    actions: tuple[int, ...]
    label_x: int
    label_y: int


@dataclass(frozen=True)
class Diagram:
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def list_ways() -> dict[tuple[str, str], tuple[int, ...]]:
    """(from, to) to the numbers of the actions in the table, from 1."""
    found: dict[tuple[str, str], list[int]] = {}
    for number, action in enumerate(ACTIONS, 1):
        for state in _list_shown(action):
            for to in _FINER.get((action.name, state), (action.to,)):
                if to is not None and to != state:
                    found.setdefault((state, to), []).append(number)
    return {way: tuple(numbers) for way, numbers in found.items()}


def _list_shown(action: Action) -> list[str]:
    """The states from which an action is drawn."""
    for group, speaker in _SPEAKERS:
        if action.from_states >= group and action.to == speaker:
            return [state for state in STATES if state in group and state != speaker]
        if action.from_states >= group:
            finer = [state for name, state in _FINER if name == action.name and state != speaker]
            return [*([speaker] if speaker is not None else []), *finer]
    return [state for state in STATES if state in action.from_states]


def draw_states() -> Diagram:
    """Boxes and arrows, ready for the template."""
    boxes = {state: Box(state, *_place(state)) for state in STATES}
    arrows = [_draw_arrow(boxes[a], boxes[b], numbers) for (a, b), numbers in list_ways().items()]
    return Diagram(tuple(boxes.values()), tuple(arrows))


def _place(state: str) -> tuple[int, int]:
    column, row = _PLACES[state]
    return int(12 + column * 190), int(20 + row * 102)


def _draw_arrow(start: Box, end: Box, numbers: tuple[int, ...]) -> Arrow:
    x1, y1 = _edge(start, end)
    x2, y2 = _edge(end, start)
    # Two ways between the same states lie side by side; the number stands nearer to where the arrow begins.
    shift = 5 if (start.x, start.y) > (end.x, end.y) else -5
    x1, x2, y1, y2 = x1 + shift, x2 + shift, y1 + shift, y2 + shift
    return Arrow(x1, y1, x2, y2, numbers, x1 + (x2 - x1) * 2 // 5, y1 + (y2 - y1) * 2 // 5)


def _edge(box: Box, other: Box) -> tuple[int, int]:
    """Where the straight line to another box leaves this one."""
    cx, cy = box.x + BOX_WIDTH / 2, box.y + BOX_HEIGHT / 2
    dx, dy = other.x + BOX_WIDTH / 2 - cx, other.y + BOX_HEIGHT / 2 - cy
    scale = min(BOX_WIDTH / 2 / abs(dx) if dx else 9e9, BOX_HEIGHT / 2 / abs(dy) if dy else 9e9)
    return round(cx + dx * scale), round(cy + dy * scale)
