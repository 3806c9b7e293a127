"""The browser and the site of the other journeys, for those through standards."""

from tests.e2e.conftest import address, browser, site, stranger, tabs, visit

__all__ = ["address", "browser", "site", "stranger", "tabs", "visit"]
