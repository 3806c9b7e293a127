"""A statement as a PDF in a language, from what was archived."""

from __future__ import annotations

from collections.abc import Iterator

from operator_qos import pdf
from operator_qos.statements.queries import StatementRow
from operator_qos.statements.told import Section, Told, list_lines, read_told


def write_document(row: StatementRow, *, language: str, base_url: str) -> bytes:
    """The PDF of a statement, with its fingerprint; the same statement gives the same bytes."""
    told = read_told(row.content, language)
    parts = list(_list_parts(told, base_url))
    parts.append(pdf.Section("", [f"SHA-256: {row.content_hash}"], is_inner=True))
    return pdf.write_pdf(told.title, parts, language=language, made_at=row.issued_at)


def _list_parts(told: Told, base_url: str) -> Iterator[pdf.Section]:
    yield pdf.Section("", told.lead)
    for section in told.sections:
        yield from _list_section(section, base_url)


def _list_section(section: Section, base_url: str) -> Iterator[pdf.Section]:
    yield pdf.Section(section.title, ())
    for item in section.items:
        yield pdf.Section(item.title, list(list_lines(item, base_url)), is_inner=True)
