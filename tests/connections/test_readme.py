"""What the README says connects the lab, connects the lab."""

from __future__ import annotations

import json
import re
import shlex
from datetime import timedelta
from pathlib import Path

from click.testing import CliRunner, Result

from operator_qos.cli import main
from operator_qos.clock import utc_now
from operator_qos.lab.lab import open_lab
from operator_qos.lab.mirakl.api import CALLS_PER_MINUTE, create_mirakl
from operator_qos.lab.plan import LabPlan
from operator_qos.lab.server import serve_beside
from tests.architecture.sources import ROOT

ADDRESS = "http://127.0.0.1:8090"


def read_commands() -> list[str]:
    """The commands of the README's section on Mirakl, the lab's own and its comments apart."""
    section = (ROOT / "README.md").read_text().split("### From Mirakl")[1].split("## Ask it")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.S)
    assert "operator-qos lab mirakl --shops 5 --days 30" in blocks[0]
    return [line.partition("#")[0].strip() for line in blocks[1].splitlines()]


def run(command: str, env: dict[str, str], *more: str) -> Result:
    typed, _, rest = command.rpartition("|")
    words = shlex.split(rest)
    assert words[0] == "operator-qos"
    given = typed.replace("echo", "").strip()
    return CliRunner().invoke(main, [*words[1:], *more], input=f"{given}\n", env=env)


def test_a_newcomer_connects_the_lab_by_the_commands_of_the_readme(tmp_path: Path) -> None:
    now = utc_now()
    lab = open_lab(LabPlan(5, 31, now.date() - timedelta(days=30), 1, 0.3), calls_per_minute=CALLS_PER_MINUTE)
    lab.clock.set(int(now.timestamp()))
    env = {"OPERATOR_QOS_DATA_DIR": str(tmp_path), "OPERATOR_QOS_DATABASE_URL": "", "OPERATOR_QOS_SECRET_KEY": "x" * 40}
    with serve_beside(create_mirakl(lab)) as address:
        said = {}
        for command in read_commands():
            answer = run(command.replace(ADDRESS, address), env)
            assert answer.exit_code == 0, (command, answer.output)
            said[command] = answer.output
        listed = run("operator-qos connections list", env, "--json")
        wished = run("operator-qos connections wish lab 2001 premium", env, "--json")
        paused = run("operator-qos connections pause lab", env)
        (card,) = json.loads(listed.stdout)
        missing = run("operator-qos connections sync nowhere", env, "--json")
    assert "5 shops" in said["operator-qos connections test lab"]
    assert int(re.findall(r"(\d+) accepted", said["operator-qos connections sync lab"])[0]) > 100
    assert ", 0 unexplained" in said["operator-qos connections reconcile lab"]
    assert "late_shipment_rate" in said["operator-qos scorecard 2001"]
    assert (card["state"], card["source"]) == ("reading", "/connections/lab")
    assert json.loads(wished.stdout)["state"] == "waiting"
    assert paused.output == "lab is paused.\n"
    assert missing.exit_code == 1
    assert "connections list shows them" in json.loads(missing.stdout)["error"]
