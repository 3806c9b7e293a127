"""The versions of standards that are kept, with the one that comes with the product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.sellers.models import Marketplace, Shop
from operator_qos.standards.models import StandardVersion
from operator_qos.standards.rules import Kept, list_binding
from scoring.scopes import find_standard
from scoring.standards import Standard, load_preset, parse_standard, read_preset

SHIPPED = "ours"


@dataclass(frozen=True)
class BoundCompany:
    """A company with the shops that a standard can bind, by name."""

    seller_id: int
    shops: tuple[str, ...]


class UnknownVersionError(LookupError):
    """There is no such version; the text names those there are."""


def list_versions(session: Session, standard_id: str | None = None) -> list[Kept]:
    """Every version, by standard, then number; the one that comes with the product among them."""
    rows = session.scalars(select(StandardVersion))
    found = [get_shipped(), *(to_kept(row) for row in rows)]
    return sorted((kept for kept in found if standard_id in {None, kept.standard.id}), key=lambda kept: kept.key)


def get_version(session: Session, standard_id: str, version: int) -> Kept:
    """One version. Raises UnknownVersionError."""
    versions = list_versions(session)
    found = next((kept for kept in versions if kept.key == (standard_id, version)), None)
    if found is None:
        names = ", ".join(f"{name} {number}" for name, number in (kept.key for kept in versions))
        raise UnknownVersionError(f"no version {version} of {standard_id!r}; there are: {names}")
    return found


def find_row(session: Session, standard_id: str, version: int) -> StandardVersion | None:
    """The row of a version."""
    wanted = select(StandardVersion).filter_by(standard_id=standard_id, version=version)
    return session.scalars(wanted).one_or_none()


def find_binding(session: Session, attributes: Mapping[str, str], on: date) -> Standard | None:
    """The published standard that binds a shop of these attributes on a date.

    Raises StandardError when two of the same priority do.
    """
    return find_standard(list_binding(list_versions(session)), attributes, on)


def list_bound_companies(session: Session, standard: Standard) -> list[BoundCompany]:
    """The companies with a shop in the standard's scope, as far as marketplace and country say.

    What is known only order by order, as category or channel, keeps nobody out: who may be bound is told.
    """
    scope = standard.scope
    query = select(Shop.seller_id, Shop.name, Shop.marketplace_id, Shop.country, Marketplace.country).join(
        Marketplace, Marketplace.id == Shop.marketplace_id).order_by(Shop.seller_id, Shop.name)
    found: dict[int, list[str]] = {}
    for seller_id, name, marketplace, country, home in session.execute(query):
        if (not scope.marketplace or marketplace in scope.marketplace) and (
                not scope.country or (country or home) in scope.country):
            found.setdefault(seller_id, []).append(name)
    return [BoundCompany(seller_id, tuple(names)) for seller_id, names in found.items()]


def find_next_number(session: Session, standard_id: str) -> int:
    """The number of the next version of a standard."""
    return max((kept.standard.version for kept in list_versions(session, standard_id)), default=0) + 1


def get_shipped() -> Kept:
    """The standard that comes with the product, in force from the first start on."""
    return Kept(load_preset(SHIPPED), read_preset(SHIPPED), None, "", None, shipped=True)


def to_kept(row: StandardVersion) -> Kept:
    """A row as it is read by everybody else."""
    return Kept(
        parse_standard(row.text), row.text, row.drafted_at, row.drafted_by, row.published_at, row.published_by,
        row.legal_ground, row.why, row.retired_at,
    )
