"""Mappings: from the columns of any table to events, written as YAML, without code."""
