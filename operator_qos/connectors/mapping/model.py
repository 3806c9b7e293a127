"""What a mapping consists of. The JSON Schema of mapping files is made from these."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

Scalar = str | int | float | bool
Column = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=80)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Delimiter = Annotated[str, StringConstraints(min_length=1, max_length=1)]
_PLACE = re.compile(r"\{([^{}]+)\}")
_MAX_EVENTS = 50


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Plus(_Part):
    """Adds the number in a column to a time."""

    column: Column
    unit: Literal["seconds", "minutes", "hours", "days"]


class Source(_Part):
    """Where a value comes from and how it is read.

    One of: `column` (or several, the first that is filled), `text` with {columns} in it, or `constant`.
    """

    column: Column | list[Column] | None = None
    text: Annotated[str, StringConstraints(max_length=1_000)] | None = None
    constant: Scalar | list[Scalar] | None = None
    map: str | dict[str, Scalar] | None = Field(default=None, description="a table of `maps`, or one written here")
    default: Scalar | list[Scalar] | None = Field(default=None, description="what an empty value stands for")
    format: str | list[str] | None = Field(
        default=None, description="of times: iso, epoch, epoch_ms or like %d/%m/%Y %H:%M; tried in order")
    timezone: Name | None = None
    decimals: int | None = Field(default=None, ge=0, le=4, description="digits of the minor unit of money")
    split: Annotated[str, StringConstraints(min_length=1, max_length=5)] | None = None
    plus: Plus | None = None

    def columns(self) -> list[str]:
        """Every column it looks at."""
        given = [self.column] if isinstance(self.column, str) else list(self.column or [])
        return given + _PLACE.findall(self.text or "") + ([self.plus.column] if self.plus else [])


def _as_source(given: object) -> object:
    """A text with {columns} in it is a template, any other plain value a constant."""
    if isinstance(given, str):
        return {"text": given} if _PLACE.search(given) else {"constant": given}
    return given if isinstance(given, dict | Source) else {"constant": given}


Value = Annotated[Source, BeforeValidator(_as_source, json_schema_input_type=Scalar | list[Scalar] | Source)]


class Condition(_Part):
    """A test of a column; everything that is said must hold. Capitals and spaces around do not matter."""

    column: Column
    is_: Scalar | list[Scalar] | None = Field(default=None, alias="is")
    is_not: Scalar | list[Scalar] | None = None
    filled: bool | None = None
    same_as: Column | None = None
    differs_from: Column | None = None
    contains: str | list[str] | None = None
    greater_than: float | None = None

    def columns(self) -> list[str]:
        """Every column it looks at."""
        return [name for name in (self.column, self.same_as, self.differs_from) if name is not None]


class Line(_Part):
    """A line of an order that has one line per row."""

    line: Value
    sku: Value | None = None
    category: Value | None = None
    quantity: Value | None = None
    amount_minor: Value | None = None

    def parts(self) -> dict[str, Source]:
        """The fields that are given."""
        return {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}


class EventRule(_Part):
    """One event that a row tells of, when its conditions hold. `each`: one per object of a list in the row."""

    type: str
    when: Annotated[list[Condition], Field(max_length=20)] = Field(default_factory=list)
    each: Column | None = None
    id: Value
    time: Value
    subject: Value
    shop: Value | None = None
    marketplace: Value | None = None
    data: dict[str, Value] = Field(default_factory=dict)
    lines: Annotated[list[Line], Field(max_length=1)] = Field(default_factory=list)


class FileHints(_Part):
    """How the file is written, where that cannot be told from it."""

    encoding: str = ""
    delimiter: Delimiter | Literal[""] = ""
    sheet: str = ""


class Mapping(_Part):
    """From the columns of a table to events."""

    mapping: Slug
    title: Annotated[str, StringConstraints(max_length=200)] = ""
    source: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    marketplace: Value | None = None
    shop: Value | None = None
    timezone: Name | None = None
    file: FileHints = Field(default_factory=FileHints)
    maps: dict[str, dict[str, Scalar]] = Field(default_factory=dict)
    events: Annotated[list[EventRule], Field(min_length=1, max_length=_MAX_EVENTS)]

    def columns(self) -> list[str]:
        """Every column the mapping looks at, in the order of first use."""
        found: dict[str, None] = {}
        for values in [self.marketplace, self.shop]:
            found |= dict.fromkeys(values.columns() if values else [])
        for rule in self.events:
            found |= dict.fromkeys(columns_of(rule))
        return list(found)


def values_of(rule: EventRule) -> dict[str, Source]:
    """Every value of an event rule by its path in the event."""
    found = {name: value for name in ("id", "time", "subject", "shop", "marketplace")
             if (value := getattr(rule, name)) is not None}
    found |= {f"data.{name}": value for name, value in rule.data.items()}
    for line in rule.lines:
        found |= {f"lines[0].{name}": value for name, value in line.parts().items()}
    return found


def columns_of(rule: EventRule) -> list[str]:
    """Every column an event rule looks at."""
    tested = [name for condition in rule.when for name in condition.columns()]
    return tested + [name for value in values_of(rule).values() for name in value.columns()]


def mapping_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a mapping file."""
    schema: dict[str, Any] = Mapping.model_json_schema(ref_template="#/$defs/{model}")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
