"""Documents as PDF: a title, sections of lines, page numbers. The same content gives the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fpdf import FPDF

FONTS = Path(__file__).with_name("fonts")
MARGIN_MM = 22


@dataclass(frozen=True)
class Section:
    """One part of a document; `is_inner`: a part of the one before it, with a smaller title."""

    title: str
    lines: Sequence[str]
    is_inner: bool = False


class _Paper(FPDF):
    def footer(self) -> None:
        """Which document, which page of how many."""
        self.set_y(-MARGIN_MM + 6)
        self.set_font("body", "", 8)
        self.cell(0, 5, f"{self.title}    {self.page_no()} / {{nb}}", align="R")


def write_pdf(title: str, sections: Sequence[Section], *, language: str, made_at: datetime | None) -> bytes:
    """The document as a PDF."""
    pdf = _open_document(title, language=language, made_at=made_at)
    for section in sections:
        _write_section(pdf, section)
    return bytes(pdf.output())


def _write_section(pdf: FPDF, section: Section) -> None:
    if section.title:
        size, space = (10, 2) if section.is_inner else (12, 4)
        pdf.set_font("body", "B", size)
        pdf.ln(space)
        pdf.multi_cell(0, 7 if not section.is_inner else 5.5, section.title, new_x="LMARGIN", new_y="NEXT")
    elif section.is_inner:
        pdf.ln(2)
    pdf.set_font("body", "", 10)
    for line in section.lines:
        pdf.multi_cell(0, 5.5, line or " ", align="L", new_x="LMARGIN", new_y="NEXT")


def _open_document(title: str, *, language: str, made_at: datetime | None) -> FPDF:
    pdf = _Paper(format="A4")
    pdf.set_margins(MARGIN_MM, MARGIN_MM, MARGIN_MM)
    pdf.set_auto_page_break(True, MARGIN_MM)
    pdf.add_font("body", "", FONTS / "DejaVuSans.ttf")
    pdf.add_font("body", "B", FONTS / "DejaVuSans-Bold.ttf")
    pdf.set_title(title)
    pdf.set_lang(language)
    pdf.set_creator("Operator QoS")
    if made_at is not None:
        pdf.set_creation_date(made_at)
    pdf.add_page()
    pdf.set_font("body", "B", 17)
    pdf.multi_cell(0, 9, title, new_x="LMARGIN", new_y="NEXT")
    return pdf
