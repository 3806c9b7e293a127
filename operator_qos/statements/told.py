"""A statement in one language: sections, items, sentences, links; and as the plain text of a mail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Link:
    """Where something can be done or seen; `path` is one of the site, as the seller opens it."""

    to: str  # appeal, rule, standard
    label: str
    path: str


@dataclass(frozen=True)
class UnitName:
    """One thing that counted against the shop as people know it, and its order."""

    label: str
    order: str | None


@dataclass(frozen=True)
class Item:
    """One point of a section: sentences, then units and links."""

    title: str
    lines: tuple[str, ...]
    units_title: str = ""
    units: tuple[UnitName, ...] = ()
    links: tuple[Link, ...] = ()


@dataclass(frozen=True)
class Section:
    """A part of the statement."""

    id: str
    title: str
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Told:
    """The whole statement in one language; `subject` says in one line what it is about."""

    title: str
    subject: str
    lead: tuple[str, ...]
    sections: tuple[Section, ...]


def read_told(content: Mapping[str, Any], language: str) -> Told:
    """The statement as archived, in a language; English where there is none such."""
    told = content["languages"].get(language) or content["languages"]["en"]
    sections = tuple(Section(part["id"], part["title"], tuple(_read_item(item) for item in part["items"]))
                     for part in told["sections"])
    return Told(told["title"], told["subject"], tuple(told["lead"]), sections)


def _read_item(item: Mapping[str, Any]) -> Item:
    units = tuple(UnitName(unit["label"], unit["order"]) for unit in item["units"])
    links = tuple(Link(link["to"], link["label"], link["path"]) for link in item["links"])
    return Item(item["title"], tuple(item["lines"]), item["units_title"], units, links)


def list_lines(item: Item, base_url: str) -> Iterator[str]:
    """An item line by line, units in one line and links with their whole address."""
    yield from item.lines
    if item.units:
        yield f"{item.units_title} {', '.join(unit.label for unit in item.units)}"
    for link in item.links:
        yield f"{link.label}\n{base_url}{link.path}"


def write_text(told: Told, base_url: str) -> str:
    """The whole statement as plain text."""
    lines = [told.title, "", *told.lead]
    for section in told.sections:
        lines += ["", section.title, "-" * len(section.title)]
        for item in section.items:
            lines += ["", *([item.title] if item.title else []), *list_lines(item, base_url)]
    return "\n".join(lines)
