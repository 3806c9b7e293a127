"""The ladder for whole marketplaces: who can have moved at all, found for all shops at once.

``scoring.ladder.step`` moves one shop and gives its reasons. Of a shop without an episode and without a breach on the
date only the verdicts of the date decide, so most shops are found where they were without looking at each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scoring.evaluate import BREACHED, IS_JUDGED, KEPT
from scoring.ladder import NEW_STANDING, Standing
from scoring.standards import LEVEL_IDS, Badge, Standard

Flags = NDArray[np.bool_]
Codes = NDArray[np.int8]
Counts = NDArray[np.int64]
TOP, IN_STANDARD = np.int8(LEVEL_IDS.index("top")), np.int8(LEVEL_IDS.index("in_standard"))


@dataclass(frozen=True)
class Calm:
    """Per shop: whether no rule is breached, and where it then stands if no episode goes on.

    ``level`` is a position in ``LEVEL_IDS``; ``badges`` and, of those who have them, ``kept_badges`` have the shape
    (badges of the standard, shops).
    """

    is_calm: Flags
    level: Codes
    badges: Flags
    kept_badges: Flags


def find_calm(verdicts: Codes, base: Counts, orders: ArrayLike, *, standard: Standard) -> Calm:
    """What ``scoring.ladder.step`` makes of shops without episodes and without a breach, for all shops.

    ``verdicts`` (codes) and ``base`` have the shape (rules, shops), in the order of the standard's rules; ``orders``
    were placed in the top level's window, per shop.
    """
    judged, kept = IS_JUDGED[verdicts], verdicts == KEPT
    enough = np.asarray(orders) >= (standard.get_level("top").min_orders or 0)
    is_top = judged.any(axis=0) & (kept | ~judged).all(axis=0) & enough
    level = np.where(is_top, TOP, IN_STANDARD)
    badges = np.zeros((2, len(standard.badges), len(level)), np.bool_)
    for place, badge in enumerate(standard.badges):
        for held, needed in enumerate((badge.min_base, badge.kept_base)):
            badges[held, place] = (_is_earned(badge, standard, kept, base >= (needed or 0)) if badge.metric
                                   else _has_level(badge, level))
    return Calm(~(verdicts == BREACHED).any(axis=0), level, badges[0], badges[1])


def _has_level(badge: Badge, level: Codes) -> Flags | bool:
    return level == LEVEL_IDS.index(badge.level) if badge.level in LEVEL_IDS else False


def _is_earned(badge: Badge, standard: Standard, kept: Flags, enough: Flags) -> Flags | bool:
    places = [place for place, rule in enumerate(standard.rules) if rule.metric == badge.metric]
    return kept[places[0]] & enough[places[0]] if places else False


class Standings:
    """Where shops stand, by position, in a form in which all can be compared at once."""

    def __init__(self, standard: Standard, standings: Sequence[Standing | None]) -> None:
        """None is a shop never judged."""
        self._badges = tuple(badge.id for badge in standard.badges)
        self._of = [standing or NEW_STANDING for standing in standings]
        different = {id(standing): standing for standing in self._of}  # most shops share one of a few
        numbers = {key: number for number, key in enumerate(different)}
        which = np.array([numbers[id(standing)] for standing in self._of], np.int64)
        self._level = np.array([LEVEL_IDS.index(one.level) for one in different.values()], np.int8)[which]
        held = [[badge in one.badges for one in different.values()] for badge in self._badges]
        self._held = np.array(held, np.bool_).reshape(len(self._badges), len(different))[:, which]
        self._is_bound = np.array([self._binds(one) for one in different.values()], np.bool_)[which]

    def __getitem__(self, place: int) -> Standing:
        return self._of[place]

    def __setitem__(self, place: int, standing: Standing) -> None:
        self._of[place] = standing
        self._level[place] = LEVEL_IDS.index(standing.level)
        self._held[:, place] = [badge in standing.badges for badge in self._badges]
        self._is_bound[place] = self._binds(standing)

    def find_moving(self, calm: Calm) -> Flags:
        """Whom ``step`` may move or prolong; it would leave every other shop as it stands, without an intent."""
        badges = np.where(self._held, calm.kept_badges, calm.badges)
        same = (self._level == calm.level) & (self._held == badges).all(axis=0)
        return np.asarray(~calm.is_calm | self._is_bound | ~same, np.bool_)

    def _binds(self, standing: Standing) -> bool:
        """Whether more than the verdicts of the date decides where it leads."""
        return bool(standing.episodes) or not standing.badges.issubset(self._badges)
