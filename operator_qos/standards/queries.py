"""The versions of standards that are kept, with the one that comes with the product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.sellers.models import Shop
from operator_qos.standards.binding import SHIPPED, list_bindings
from operator_qos.standards.models import StandardVersion
from operator_qos.standards.rules import Kept
from scoring.scopes import fits
from scoring.standards import Standard, load_preset, parse_standard, read_preset


@dataclass(frozen=True)
class BoundCompany:
    """A company that a standard binds; its shops' names by their number."""

    seller_id: int
    shops: Mapping[int, str]


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


def list_bound_companies(session: Session, standard: Standard) -> list[BoundCompany]:
    """The companies with a shop that the standard's scope holds on its first day, by what is known of each shop."""
    shops = session.execute(select(Shop.id, Shop.seller_id, Shop.name).order_by(Shop.seller_id, Shop.name)).all()
    bindings = list_bindings(session, [shop_id for shop_id, _, _ in shops])
    found: dict[int, dict[int, str]] = {}
    for shop_id, seller_id, name in shops:
        if fits(standard.scope, bindings[shop_id].attributes_on(standard.effective_from)):
            found.setdefault(seller_id, {})[shop_id] = name
    return [BoundCompany(seller_id, names) for seller_id, names in found.items()]


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
