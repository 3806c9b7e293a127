"""A statement's sections in one language, from what was decided and found. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from operator_qos import formats
from operator_qos.clock import from_ms
from operator_qos.statements.books import SECTIONS, ActText, Book, Language
from operator_qos.statements.facts import Addressee, Found, Issuer, StatementAct, Unit
from operator_qos.statements.naming import (
    Names,
    find_last_day,
    find_metric,
    find_rule,
    is_share,
    name_country,
    say_explanation,
    say_failures,
    say_limit,
    say_period,
    say_value,
    split_subject,
    write_moment,
)
from operator_qos.statements.rules import APPEAL_MONTHS, add_months
from operator_qos.statements.told import Item, Link, Section, Told, UnitName
from scoring.standards import Standard, Windows, title_in

_VERDICTS = {"watch": "verdict_watch", "kept": "verdict_kept", "not_enough_data": "verdict_few",
             "exempt": "verdict_exempt"}
# Acts that a standard's levels and rules bring last as long as those.
_DECIDED_ANEW = frozenset({"level", "badge", "strikes", "step"})


@dataclass(frozen=True)
class Version:
    """A version of a standard that acts rest on; `standard` None where its text is not known any more."""

    id: str
    version: int
    title: Mapping[str, str]
    standard: Standard | None = None
    published_at: datetime | None = None


@dataclass(frozen=True)
class Basis:
    """One reason of an act with what was found of its rule, under the version it was judged by."""

    act: StatementAct
    reason: Mapping[str, Any]
    found: Found | None
    version: Version | None


@dataclass(frozen=True)
class Matter:
    """Everything a statement is made of."""

    public_id: str
    to: Addressee
    issuer: Issuer
    book: Book
    acts: Sequence[StatementAct]
    bases: Sequence[Basis]
    versions: Sequence[Version]
    issued_at: datetime

    @property
    def operator(self) -> str:
        """Who decides: the name set, else the marketplace's."""
        return self.issuer.name or self.to.marketplace

    @property
    def appeal_until(self) -> date:
        """The last local day on which an appeal can be filed."""
        return add_months(self.issued_at.astimezone(ZoneInfo(self.to.zone)).date(), APPEAL_MONTHS)

    def find_version(self, act: StatementAct) -> Version | None:
        """The version an act rests on."""
        key = (act.standard_id, act.standard_version)
        return next((version for version in self.versions if (version.id, version.version) == key), None)

    def starts_at(self, act: StatementAct) -> datetime:
        """When an act takes effect: not before its statement."""
        return max(act.effective_at, self.issued_at)


def compose(matter: Matter, language: Language) -> Told:
    """The whole statement in a language."""
    teller = _Teller(matter, language)
    names = [teller.name_act(act) for act in matter.acts]
    subject = teller.say("subject_one", shop=matter.to.shop, change=names[0]) if len(names) == 1 else teller.say(
        "subject_many", shop=matter.to.shop, count=len(names))
    lead = (
        teller.say("intro", operator=matter.operator, seller=matter.to.seller, shop=matter.to.shop,
                   marketplace=matter.to.marketplace),
        teller.say("issued", moment=teller.moment(matter.issued_at), zone=matter.to.zone),
    )
    sections = ((name, tuple(getattr(teller, f"list_{name}")())) for name in SECTIONS)
    book = matter.book.sentences.sections
    return Told(teller.say("title", id=matter.public_id), subject, lead, tuple(
        Section(name, book[name].say(language), items) for name, items in sections if items))


class _Teller:
    """Writes the sections of one statement in one language."""

    def __init__(self, matter: Matter, language: Language) -> None:
        self.matter, self.language = matter, language
        # Each version is asked for its titles once: a standard is large, and every sentence names something of it.
        self._names = {(version.id, version.version): Names(version.standard, language) for version in matter.versions}
        self._nameless = Names(None, language)

    def say(self, name: str, /, **values: object) -> str:
        return self.matter.book.say(name, self.language, **values)

    def moment(self, at: datetime) -> str:
        return write_moment(at, self.matter.to.zone, self.language)

    def day(self, day: date) -> str:
        return formats.format_day(day, self.language, year=True)

    def names(self, version: Version | None) -> Names:
        return self._nameless if version is None else self._names[version.id, version.version]

    def name_act(self, act: StatementAct) -> str:
        """What an act is called."""
        values = self.names(self.matter.find_version(act)).act(act)
        return self._text(act).name.say(self.language, **values)

    def _text(self, act: StatementAct) -> ActText:
        acts = self.matter.book.sentences.acts
        kind = "warning_by_hand" if act.kind == "warning" and not split_subject(act.subject)[1] else act.kind
        return acts.get(kind) or acts["notice"]

    # What changes

    def list_changes(self) -> Iterator[Item]:
        """One item per act: what it does, to what, where, from when until when."""
        for act in self.matter.acts:
            values = self.names(self.matter.find_version(act)).act(act)
            lines = [self._text(act).effect.say(self.language, **values), *self._list_limits(act), self._say_scope(act),
                     self._say_territory(act), self.say("starts", moment=self.moment(self.matter.starts_at(act))),
                     *self._list_waiting(act), self._say_end(act)]
            yield Item(self.name_act(act), tuple(lines))

    def _list_limits(self, act: StatementAct) -> Iterator[str]:
        for name, value in (("cap", "cap"), ("cap_share", "share"), ("share", "share")):
            given = act.scope.get(name)
            if given is not None:
                shown = str(given) if name == "cap" else formats.format_limit(float(given), self.language)
                yield self.say(f"limit_{name}", **{value: shown})
        if act.scope.get("note"):
            yield self.say("note", note=act.scope["note"])

    def _say_scope(self, act: StatementAct) -> str:
        what = str(act.scope.get("what") or act.scope.get("scope") or "shop")
        part = str(act.scope.get("part") or act.scope.get("names") or "")
        shop = self.matter.to.shop
        if what == "shop" and not part:
            return self.say("scope_shop", shop=shop)
        known = f"what_{what}" in self.matter.book.sentences.sentences and what != "other"
        said = self.say(f"what_{what}") if known else ""
        named = self.say("what_other", name=part) if part else ""
        return self.say("scope_part", shop=shop, what=f"{said} ({named})" if said and named else said or named or what)

    def _say_territory(self, act: StatementAct) -> str:
        country = str(act.scope.get("country") or self.matter.to.marketplace_country)
        if not country:
            return self.say("territory_all", marketplace=self.matter.to.marketplace)
        return self.say("territory_country", marketplace=self.matter.to.marketplace,
                        country=name_country(country, self.language))

    def _list_waiting(self, act: StatementAct) -> Iterator[str]:
        """Why an end waits, or why it does not."""
        law = self.matter.book.law
        if act.legal_ground:
            ground = getattr(law.grounds, act.legal_ground)
            yield ground.say(self.language, evidence=act.evidence or act.why)
        elif act.kind == "termination":
            yield law.termination.say(self.language)

    def _say_end(self, act: StatementAct) -> str:
        if act.until_at is not None:
            return self.say("ends", moment=self.moment(act.until_at))
        if act.kind == "termination":
            return self.say("open_termination")
        version = self.matter.find_version(act)
        if version is None or not act.automated:
            return self.say("open_person")
        if act.kind == "warning" and version.standard is not None:
            return self.say("open_warning", days=version.standard.warnings.end_after_days)
        return self.say("open_rule" if act.kind in _DECIDED_ANEW else "open_following")

    # What it rests on

    def list_facts(self) -> Iterator[Item]:
        """One item per rule with its numbers and units, then the reasons that no number carries."""
        told: set[object] = set()
        for basis in self.matter.bases:
            key = _key(basis)
            if basis.found is not None and key not in told:
                told.add(key)
                yield self._tell_found(basis, basis.found)
        for act in self.matter.acts:
            plain = [self.names(basis.version).reason(basis.reason) for basis in self.matter.bases
                     if basis.act is act and basis.found is None]
            given = [self.say("why", why=act.why)] if act.why else []
            if plain or given:
                yield Item(self.name_act(act), tuple(dict.fromkeys([*plain, *given])))

    def _tell_found(self, basis: Basis, found: Found) -> Item:
        standard = basis.version.standard if basis.version is not None else None
        explained = say_explanation(find_metric(found.rule, standard), self.language)
        lines = (explained, self._say_period(found, standard), *self._list_numbers(basis, found),
                 *self._list_further(found, standard), *self._list_judged(basis, found))
        units = tuple(self._name_unit(unit) for unit in found.units)
        path = rule_path(self.matter.to, found.rule.partition("|")[0])
        name = self.names(basis.version).rule(found.rule)
        return Item(name, tuple(line for line in lines if line),
                    self.say("units", count=len(units)) if units else "", units,
                    (Link("rule", self.say("rule_link", name=name), path),))

    def _say_period(self, found: Found, standard: Standard | None) -> str:
        zone = ZoneInfo(self.matter.to.zone)
        last = self.day(find_last_day(found, standard, self.matter.to.zone))
        if not found.window_start_ms:
            return self.say("period_open", last=last)
        return self.say("period", first=self.day(from_ms(found.window_start_ms).astimezone(zone).date()), last=last)

    def _list_numbers(self, basis: Basis, found: Found) -> Iterator[str]:
        standard = basis.version.standard if basis.version is not None else None
        rule, metric = find_rule(found.rule, standard), find_metric(found.rule, standard)
        value, share = say_value(found, standard, self.language), is_share(rule, metric)
        bad, base, raw_bad, raw_base = (
            formats.format_count(number, self.language) for number in (
                found.bad, found.base, found.raw_bad, found.raw_base))
        if share:
            yield self.say("numbers_share", bad=bad, base=base, value=value,
                           failures=say_failures(metric, self.language))
        else:
            yield self.say("numbers_other", value=value, base=base)
        limit = say_limit(rule, basis.reason.get("limit"), bool(basis.reason.get("higher_is_better")), self.language)
        if limit:
            yield self.say("asked", limit=limit)
        if (raw_bad, raw_base) == (bad, base):
            yield self.say("raw_same")
        elif share:
            yield self.say("raw_other", bad=raw_bad, base=raw_base)
        else:
            yield self.say("raw_other_value", base=raw_base)

    def _list_further(self, found: Found, standard: Standard | None) -> Iterator[str]:
        """The further windows that the limit looks at, and whether one or all of them count."""
        for over in found.further:
            value = say_value(replace(found, value=over.value), standard, self.language)
            bad, base = (formats.format_count(number, self.language) for number in (over.bad, over.base))
            said = {"last": self.day(over.last), "bad": bad, "base": base, "value": value}
            if over.first is None:
                yield self.say("over_open", **said)
            else:
                yield self.say("over", first=self.day(over.first), **said)
        rule = find_rule(found.rule, standard)
        if found.further and rule is not None and isinstance(rule.window, Windows):
            yield self.say(f"over_{rule.window.kind}")

    def _list_judged(self, basis: Basis, found: Found) -> Iterator[str]:
        """The verdict in words, since when, and how many were needed."""
        yield self._say_verdict(basis, found)
        reason = basis.reason
        if reason.get("since") and reason.get("until"):
            since, until = (self.day(date.fromisoformat(str(reason[side]))) for side in ("since", "until"))
            yield self.say("since_once", since=since) if since == until else self.say("since", since=since, until=until)
        if reason.get("needed") and reason.get("code") == "too_small_base":
            yield self.say("needed", needed=reason["needed"], base=formats.format_count(found.base, self.language))
        if str(reason.get("code", "")).startswith("condition"):
            yield self.names(basis.version).reason(reason)

    def _say_verdict(self, basis: Basis, found: Found) -> str:
        if found.verdict in _VERDICTS:
            return self.say(_VERDICTS[found.verdict])
        standard = basis.version.standard if basis.version is not None else None
        rule = find_rule(found.rule, standard)
        judged_by = (rule.judged_by if rule is not None else None) or (standard.judged_by if standard else "point")
        if judged_by == "evidence":
            return self.say("verdict_evidence", buyers=found.buyers)
        return self.say("verdict_point")

    def _name_unit(self, unit: Unit) -> UnitName:
        """People know orders and cases by their numbers; what a source calls a message comes after its bar."""
        name = unit.id.rpartition("|")[2]
        if unit.order is None or unit.order == name:
            return UnitName(name, unit.order)
        return UnitName(self.say("unit_of_order", unit=name, order=unit.order), unit.order)

    # The rule, and who decided

    def list_rule(self) -> Iterator[Item]:
        """One item per version: its dates and the clauses that were applied."""
        for version in self.matter.versions:
            title = title_of(version, self.language)
            lines = [self._say_version(version, title), *dict.fromkeys(self._list_clauses(version))]
            link = Link("standard", self.say("standard_link", title=title, version=version.version),
                        f"/standards/{quote(version.id, safe='')}/{version.version}")
            yield Item("", tuple(lines), links=(link,))
        if any(act.standard_id is None for act in self.matter.acts):
            yield Item("", (self.say("no_standard"),))

    def _say_version(self, version: Version, title: str) -> str:
        if version.standard is None:
            return self.say("version_bare", title=title, version=version.version)
        said = {"title": title, "version": version.version, "effective": self.day(version.standard.effective_from)}
        if version.published_at is None:
            return self.say("version", **said)
        published = version.published_at.astimezone(ZoneInfo(self.matter.to.zone)).date()
        return self.say("version_published", published=self.day(published), **said)

    def _list_clauses(self, version: Version) -> Iterator[str]:
        names = self.names(version)
        for basis in self.matter.bases:
            if basis.version is version and (rule_name := name_of(basis)):
                yield self._say_clause(names.rule(rule_name), rule_name, version.standard)
        for act in self.matter.acts:
            if self.matter.find_version(act) is not version:
                continue
            values = names.act(act)
            if act.kind == "level":
                yield self.say("clause_level", name=values["after"])
            if act.kind == "badge":
                yield self.say("clause_badge", name=values["badge"])

    def _say_clause(self, name: str, rule_name: str, standard: Standard | None) -> str:
        rule = find_rule(rule_name, standard)
        asked = say_limit(rule, None, False, self.language)
        window = say_period(rule, self.language)
        if asked and window:
            return self.say("clause_rule", name=name, asked=asked, window=window)
        return self.say("clause_asked", name=name, asked=asked) if asked else self.say("clause_name", name=name)

    def list_how(self) -> Iterator[Item]:
        """How it was found, and who decided each act."""
        lines: list[str] = []
        counted = [basis.found.as_of_ms for basis in self.matter.bases if basis.found is not None]
        if counted or any(act.automated for act in self.matter.acts):
            until = from_ms(max(counted)) if counted else self.matter.issued_at
            lines.append(self.say("detected_auto", moment=self.moment(until)))
        if any(not act.automated and not act.reasons for act in self.matter.acts):
            lines.append(self.say("detected_person", operator=self.matter.operator))
        for act in self.matter.acts:
            lines.append(self._say_decided(act))
        yield Item("", tuple(lines))

    def _say_decided(self, act: StatementAct) -> str:
        if act.automated and not act.approvals:
            return self.say("decided_auto", change=self.name_act(act))
        name = "approved" if act.automated else "decided_person"
        name += "_by_two" if act.approvals > 1 else ""
        return self.say(name, change=self.name_act(act), operator=self.matter.operator)

    # What can be done, and what this is

    def list_redress(self) -> Iterator[Item]:
        """Appeal, restoration, mediators, bodies, courts."""
        law, issuer, operator = self.matter.book.law, self.matter.issuer, self.matter.operator
        links = tuple(Link("appeal", self.say("appeal_link", change=self.name_act(act)), appeal_path(act))
                      for act in self.matter.acts)
        yield Item("", (law.appeal.say(self.language, until=self.day(self.matter.appeal_until)),
                        law.restoration.say(self.language)), links=links)
        mediation = (
            law.mediators.say(self.language, operator=operator, mediators=self._join(issuer.mediators))
            if issuer.mediators else law.mediators_open.say(self.language, operator=operator))
        yield Item("", (mediation, *(text.say(self.language) for text in law.bodies), law.courts.say(self.language)))

    def _join(self, names: Sequence[str]) -> str:
        return ("\N{NO-BREAK SPACE}; " if self.language == "fr" else "; ").join(names)

    def list_law(self) -> Iterator[Item]:
        """What the law asks for."""
        yield Item("", tuple(text.say(self.language) for text in self.matter.book.law.law))

    def list_document(self) -> Iterator[Item]:
        """How it is kept, and by which texts it was made."""
        law = self.matter.book.law
        made = self.say("texts", jurisdiction=law.name.say(self.language), day=self.day(law.effective_from))
        yield Item("", (self.say("kept"), made))


def title_of(version: Version, language: Language) -> str:
    """What a standard is called."""
    if version.standard is not None:
        return title_in(version.standard.title, language)
    return version.title.get(language) or version.title.get("en") or version.id


def rule_path(to: Addressee, rule: str) -> str:
    """Where the seller sees the numbers of a rule and the rows behind them."""
    place = f"{quote(to.marketplace_id, safe='')}/{quote(to.shop_code, safe='')}"
    return f"/seller/shops/{place}/rules/{quote(rule, safe='')}"


def appeal_path(act: StatementAct) -> str:
    """Where an act is appealed against."""
    return f"/seller/appeals/new?act={act.act_id}"


def name_of(basis: Basis) -> str:
    """The rule behind a reason; empty for a reason without one."""
    if basis.found is not None:
        return basis.found.rule
    return str(basis.reason.get("metric") or "")


def _key(basis: Basis) -> object:
    found = basis.found
    return None if found is None else (found.rule, found.on, found.standard_id)
