"""The form of a draft beside its text: common fields, checked while people write, with what each limit can judge."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from operator_qos.i18n import gettext as _
from operator_qos.notices.queries import count_told, list_told
from operator_qos.pages import show
from operator_qos.permissions import OPERATOR, current_actor, people
from operator_qos.standards import queries, service
from operator_qos.standards.author.page import (
    Typed,
    build_checks,
    build_parts,
    find_old_path,
    name_standard,
    say_operator,
)
from operator_qos.standards.form_fields import OPERATORS, list_emptied, list_parts, set_values
from operator_qos.standards.form_removal import remove_places
from operator_qos.standards.judging import check_rules
from operator_qos.standards.refusals import say_problem, say_refusal
from operator_qos.standards.rules import Kept, VersionStateError, list_mistakes, read_draft, today_of
from operator_qos.standards.telling import PUBLISHED, RETIRED, name_notice
from operator_qos.web import get_session, now, read_page, writing
from scoring.standards import Standard, StandardError

blueprint = Blueprint("author", __name__)
PERMISSIONS = {
    "author.show_form": people(*OPERATOR),
    "author.save_form": people(*OPERATOR),
    "author.check_form": people(*OPERATOR),
    "author.show_told": people(*OPERATOR),
}
_AT = "/operator/standards/<standard_id>/<int:version>/form"
TOLD = 100
PART = re.compile(r"x:(rules|tiers|badges)/\d{1,4}")


@dataclass(frozen=True)
class Written:
    """A draft with what was typed put in: its text, the standard it makes (else the draft's), and what is wrong."""

    kept: Kept
    text: str
    standard: Standard
    typed: Typed

    @property
    def is_sound(self) -> bool:
        """Whether it can be kept."""
        return not self.typed.errors and not self.typed.mistakes


def _get(standard_id: str, version: int, *, is_draft: bool) -> Kept:
    """A draft, or a version that was published. Raises NotFound."""
    try:
        kept = queries.get_version(get_session(), standard_id, version)
    except queries.UnknownVersionError:
        abort(404)
    if kept.is_draft != is_draft:
        abort(404)
    return kept


def _get_draft(standard_id: str, version: int) -> Kept:
    return _get(standard_id, version, is_draft=True)


def _read(kept: Kept) -> Written:
    """What the form says; fields that were not sent stay as they are."""
    values = {name[2:]: text for name, text in request.form.items() if name.startswith("v:")}
    operators = {name[2:]: text for name, text in request.form.items() if name.startswith("o:")}
    removed = frozenset(name[2:] for name in request.form if PART.fullmatch(name))
    text, errors = set_values(kept.text, values, operators)
    emptied = [place for place in list_emptied(kept.text, values) if "/".join(place[:2]) not in removed]
    text = remove_places(text, [*emptied, *(tuple(name.split("/")) for name in removed)])
    mistakes = list_mistakes(text)
    standard = kept.standard if mistakes else read_draft(text)
    told = [StandardError(find_old_path(error.path, removed), error.problem, line=error.line) for error in mistakes]
    return Written(kept, text, standard, Typed(values, operators, errors, told, removed))


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _show(written: Written, problem: str = "", status: int = 200) -> tuple[str, int]:
    kept = written.kept
    return show(
        "standards/form.html", kept=kept, title=name_standard(kept.standard), base=_hash(kept.text), problem=problem,
        parts=build_parts(kept.text, written.standard, written.typed), operators=OPERATORS, say_operator=say_operator,
        **_find_checks(written)), status


def _find_checks(written: Written) -> dict[str, object]:
    """What the checked part of the page shows."""
    until = today_of(written.standard, now()) - timedelta(days=1)
    return {
        "checks": build_checks(check_rules(get_session(), written.standard, until=until)),
        "elsewhere": written.typed.list_elsewhere(list_parts(written.kept.text)), "is_sound": written.is_sound,
        "say_problem": say_problem,
    }


@blueprint.get(_AT)
def show_form(standard_id: str, version: int) -> tuple[str, int]:
    """The common fields of a draft."""
    kept = _get_draft(standard_id, version)
    return _show(Written(kept, kept.text, kept.standard, Typed({}, {})))


@blueprint.post(_AT)
def save_form(standard_id: str, version: int) -> tuple[str, int] | BaseResponse:
    """Put what was typed into the draft's text; what is wrong is said beside its field and nothing is kept."""
    kept = _get_draft(standard_id, version)
    written = _read(kept)
    if not written.is_sound:
        return _show(written, status=400)
    if request.form.get("base") != _hash(kept.text):
        meanwhile = _("Somebody changed this draft meanwhile. Look at it again, then keep your changes.")
        return _show(written, meanwhile, 400)
    try:
        with writing() as session:
            saved = service.save_draft(session, text=written.text, actor=current_actor().email, now=now())
    except (StandardError, VersionStateError) as error:
        return _show(written, say_refusal(error), 400)
    flash(_("The draft is kept."))
    return redirect(url_for("author.show_form", standard_id=saved.standard.id, version=saved.standard.version), 303)


@blueprint.post(f"{_AT}/check")
def check_form(standard_id: str, version: int) -> str:
    """What is wrong with what is typed, and what its limits could judge: a part of the page, while people write."""
    written = _read(_get_draft(standard_id, version))
    problems = [(line.label, line.problem) for part in build_parts(written.kept.text, written.standard, written.typed)
                for line in part.fields if line.problem]
    return render_template("standards/checked.html", problems=problems, **_find_checks(written))


@blueprint.get("/operator/standards/<standard_id>/<int:version>/told")
def show_told(standard_id: str, version: int) -> str:
    """Who was told of a version, when, and what became of each mail."""
    kept, session = _get(standard_id, version, is_draft=False), get_session()
    topic = RETIRED if request.args.get("of") == "retired" else PUBLISHED
    start = name_notice(kept, topic)
    page = read_page(count_told(session, key_start=start), size=TOLD)
    return show("standards/told.html", kept=kept, title=name_standard(kept.standard), topic=topic, page=page,
                companies=list_told(session, key_start=start, limit=page.size, offset=page.offset),
                states=mail_states())


def mail_states() -> dict[str, str]:
    """The states of a mail in the reader's words."""
    return {"waiting": _("waiting to be sent"), "sent": _("sent"), "dead": _("could not be sent")}
