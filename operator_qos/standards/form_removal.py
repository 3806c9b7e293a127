"""Taking lines out of a standard's YAML: a field, an entry of a list, a rule; everything else stays byte for byte."""

from __future__ import annotations

from collections.abc import Iterable

import yaml

from operator_qos.standards.form_fields import Place, compose, find_node


def remove_places(text: str, places: Iterable[Place]) -> str:
    """The text without what stands at these places; what holds nothing else goes with it, what is not there is left."""
    root = compose(text)
    known = {place: node for place in places if (node := find_node(root, place)) is not None}
    # From the last to the first, so that what is still to go stands where it stood.
    for place in sorted(known, key=lambda place: known[place].start_mark.index, reverse=True):
        text = _remove(text, place)
    return text


def _remove(text: str, place: Place) -> str:
    root = compose(text)
    node, parent = find_node(root, place), find_node(root, place[:-1])
    if node is None or not isinstance(parent, yaml.MappingNode | yaml.SequenceNode):
        return text
    if len(parent.value) == 1 and len(place) > 1:
        return _remove(text, place[:-1])
    spans = [(key.start_mark.index, _find_end(value)) for key, value in parent.value] if isinstance(
        parent, yaml.MappingNode) else [(one.start_mark.index, _find_end(one)) for one in parent.value]
    number = next(at for at, entry in enumerate(parent.value)
                  if (entry[1] if isinstance(entry, tuple) else entry) is node)
    if parent.flow_style:
        start, end = _cut_flow(spans, number)
    else:
        start, end = _cut_lines(text, spans, number, is_entry=isinstance(parent, yaml.SequenceNode))
    return text[:start] + text[end:]


def _find_end(node: yaml.Node) -> int:
    """Where a node ends in fact: one in lines of its own is said to end where the next begins."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _find_end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _cut_flow(spans: list[tuple[int, int]], number: int) -> tuple[int, int]:
    """Within braces: with the comma after it, or as the last with the one before."""
    if number + 1 < len(spans):
        return spans[number][0], spans[number + 1][0]
    return (spans[number - 1][1] if number else spans[number][0]), spans[number][1]


def _cut_lines(text: str, spans: list[tuple[int, int]], number: int, *, is_entry: bool) -> tuple[int, int]:
    """Whole lines; the first field beside the dash of a list gives its place to the next one."""
    start, end = spans[number]
    line = text.rfind("\n", 0, start) + 1
    if text[line:start].strip() and not is_entry:
        return start, spans[number + 1][0]
    after = end if text[end - 1 : end] == "\n" else text.find("\n", end) + 1 or len(text)
    return line, after
