"""`operator-qos lab`: what it refuses, what it says, and that it serves."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

import pytest
from click.testing import CliRunner, Result

from operator_qos.lab.cli import lab_group
from tests.lab.conftest import KEY
from tests.lab.test_medusa import SECRET, Receiver, listening


def run(*arguments: str) -> Result:
    return CliRunner().invoke(lab_group, list(arguments))


@pytest.mark.parametrize(("arguments", "said"), [
    (("mirakl", "--chaos", "ghosts"), "ghosts: no such switch"),
    (("medusa", "--send-to", "http://127.0.0.1:9/"), "--send-to and --secret belong together"),
    (("check", "nobody"), "There is no connector nobody; there are mirakl."),
])
def test_what_cannot_be_done_is_refused_with_the_reason(arguments: tuple[str, ...], said: str) -> None:
    found = run(*arguments, "--shops", "1", "--days", "2")
    assert found.exit_code == 1
    assert said in found.output


def test_check_tells_every_trial_and_ends_well() -> None:
    found = run("check", "mirakl", "--shops", "2", "--days", "5", "--step-hours", "48", "--json")
    checks = json.loads(found.stdout)["checks"]
    assert [check for check in checks if not check["passed"]] == []
    assert {"understands", "limits", "all", "broken off", "writes"} <= {check["name"] for check in checks}
    assert found.exit_code == 0


@contextmanager
def serving(*arguments: str) -> Iterator[HTTPConnection]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "operator_qos.cli", "lab", *arguments, "--port", str(port), "--shops", "2",
               "--days", "5"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield HTTPConnection("127.0.0.1", port, timeout=10)
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=20)


def ask(host: HTTPConnection, path: str) -> Any:
    """The document at a path, once the server is up."""
    for _ in range(300):
        try:
            host.request("GET", path, headers=KEY)
            return json.loads(host.getresponse().read())
        except ConnectionError:
            host.close()
            time.sleep(0.1)
    raise AssertionError("it does not answer")


def test_a_fake_marketplace_is_served_with_its_switches_and_sends_what_happens() -> None:
    receiver = Receiver()
    with listening(receiver) as address, serving(
        "medusa", "--start", "2026-03-02", "--speed", "0", "--chaos", "skewed,shuffled", "--send-to", address,
        "--secret", SECRET, "--send-days", "6",
    ) as host:
        described = ask(host, "/lab/")
        assert (described["now"], described["shops"]) == ("2026-03-07T00:00:00Z", 2)
        assert (described["chaos"]["skewed"], described["chaos"]["errors"]) == (1.0, 0.0)
        assert ask(host, "/admin/sellers")["count"] == 2
        for _ in range(200):
            if {payload["type"] for _, payload in receiver.taken} >= {"seller.created", "order.placed"}:
                break
            time.sleep(0.1)
    assert {payload["type"] for _, payload in receiver.taken} >= {"seller.created", "order.placed"}
