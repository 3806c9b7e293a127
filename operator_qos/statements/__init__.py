"""Statements of reasons: what was decided about a shop, why, and what can be done about it."""
