"""P4: server time of the pages people open most, on a copy of a filled SQLite database.

`python -m benchmarks.pages [DATABASE]` signs in as the demo's people and asks for each page 40 times.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from pathlib import Path

from flask.testing import FlaskClient

from benchmarks.common import copy_database, percentile, report
from operator_qos import create_app
from operator_qos.db import reading
from operator_qos.demo.accounts import DEMO_ACCOUNTS
from operator_qos.ledger.service import count_events
from operator_qos.settings import Settings

PAGES = (
    ("admin", "/operator/today"), ("admin", "/operator/sellers"), ("seller_owner", "/seller/day"),
    ("seller_owner", "/seller/scorecard"), ("mediator", "/mediator/queue"),
)
ROUNDS = 40


def sign_in(client: FlaskClient, role: str) -> None:
    """Sign the demo's person of that role in."""
    account = next(a for a in DEMO_ACCOUNTS if a.role == role)
    page = client.get("/login").get_data(as_text=True)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token is not None
    answer = client.post("/login", data={
        "csrf_token": token[1], "email": account.email, "password": account.password})
    assert answer.status_code == 302, answer.status


def main() -> None:
    """Ask for every page and print a figure for each."""
    source = Path(sys.argv[1] if len(sys.argv) > 1 else "var/operator-qos.db")
    with tempfile.TemporaryDirectory() as name:
        engine = copy_database(source, Path(name) / "copy.db")
        with reading(engine) as session:
            filled = count_events(session)
        app = create_app(Settings(data_dir=Path(name)), engine=engine)
        for role, page in PAGES:
            client = app.test_client()
            sign_in(client, role)
            seconds: list[float] = []
            for _ in range(ROUNDS + 2):
                started = time.perf_counter()
                answer = client.get(page)
                seconds.append(time.perf_counter() - started)
                assert answer.status_code == 200, (page, answer.status)
            report(f"P4 {page}", filled_events=filled, p50_ms=round(percentile(seconds[2:], 0.5) * 1000, 1),
                   p95_ms=round(percentile(seconds[2:], 0.95) * 1000, 1), bytes=len(answer.data))


if __name__ == "__main__":
    main()
