"""The state machine as a drawing, made from the table itself."""

from __future__ import annotations

from dataclasses import dataclass

from operator_qos.disputes.rules import ACTIONS, STATES

WIDTH, HEIGHT, BOX_WIDTH, BOX_HEIGHT = 960, 400, 132, 34
# Where each state stands: column and row, so that time runs to the right and mediation lies below the talks.
_PLACES = {
    "opened": (0, 0), "seller_overdue": (0, 2), "in_discussion": (1.4, 0), "settled": (3, 0), "closed": (5, 0),
    "auto_closed": (3, 1), "withdrawn": (5, 1), "escalated": (1.4, 2), "assigned": (1.4, 3), "evidence_asked": (3, 3),
    "decided": (5, 2), "under_appeal": (3, 2), "final": (5, 3),
}
# States that an action leads to beside the one its row names: what follows from the facts or from a second look.
_FINER = {
    ("take", "escalated"): ("assigned",), ("ask_evidence", "assigned"): ("evidence_asked",),
    ("give_evidence", "evidence_asked"): ("assigned",), ("decide", "under_appeal"): ("final",),
}


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
        for state in STATES:
            if state not in action.from_states:
                continue
            for to in _FINER.get((action.name, state), (action.to,)):
                if to is not None and to != state:
                    found.setdefault((state, to), []).append(number)
    return {way: tuple(numbers) for way, numbers in found.items()}


def draw_states() -> Diagram:
    """Boxes and arrows, ready for the template."""
    boxes = {state: Box(state, *_place(state)) for state in STATES}
    arrows = [_draw_arrow(boxes[a], boxes[b], numbers) for (a, b), numbers in list_ways().items()]
    return Diagram(tuple(boxes.values()), tuple(arrows))


def _place(state: str) -> tuple[int, int]:
    column, row = _PLACES[state]
    return int(12 + column * 158), int(20 + row * 102)


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
