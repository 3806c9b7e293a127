"""The commands and the program of docs/api.md, run as they stand there against a served site."""

from __future__ import annotations

import contextlib
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.api.sending import list_logged

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
CLI = f'operator-qos() {{ "{sys.executable}" -m operator_qos.cli "$@"; }}\n'


def _list_blocks(name: str, kind: str) -> list[str]:
    return [text for found, text in BLOCK.findall((DOCS / name).read_text(encoding="utf-8")) if found == kind]


def _run(command: str, **environment: str) -> str:
    done = subprocess.run(
        ["bash", "-euc", "set -o pipefail\n" + CLI + command], capture_output=True, text=True, check=False, timeout=120,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": str(DOCS.parent), **environment})
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("database", ["sqlite"])
def test_every_example_of_the_api_works_as_it_stands(
    world: Engine, database_url: str, tmp_path: Path, address: tuple[str, int]
) -> None:
    making, *calls = _list_blocks("api.md", "sh")
    site = {"OPERATOR_QOS_DATABASE_URL": database_url, "OPERATOR_QOS_DATA_DIR": str(tmp_path)}
    key, told = _run(making, **site).split("\n")[0], f"http://{address[0]}:{address[1]}"
    answers = [json.loads(_run(call, QOS=told, KEY=key)) for call in calls]
    (expected,) = _list_blocks("api.md", "json")
    assert answers[0] == json.loads(expected)
    assert [answer.get("accepted") for answer in answers] == [1, 1, 1, None, None]
    assert answers[3] == {"kept": 1}
    assert (answers[4]["status"], answers[4]["title"]) == (401, "No valid API key")
    for program in _list_blocks("api.md", "python"):
        with contextlib.redirect_stdout(io.StringIO()) as said:
            exec(program, {"QOS": told, "KEY": key})  # noqa: S102  # our own documentation
        assert said.getvalue() == ""
    assert list_logged(world) == ["placed-1", "shipped-1", "accepted-1", "delivered-1"]


@pytest.mark.parametrize("database", ["sqlite"])
def test_the_address_of_webhooks_is_made_as_its_page_says(world: Engine, database_url: str, tmp_path: Path) -> None:
    (making,) = _list_blocks("webhooks-in.md", "sh")
    said = _run(making, OPERATOR_QOS_DATABASE_URL=database_url, OPERATOR_QOS_DATA_DIR=str(tmp_path))
    assert said.startswith("whsec_")
