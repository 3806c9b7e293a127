"""Fake marketplaces over real HTTP, and the suite every connector must pass; see docs/lab.md."""
