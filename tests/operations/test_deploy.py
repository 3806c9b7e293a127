"""The examples of deployment name commands, options, settings and files that exist."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from dataclasses import fields
from pathlib import Path

import click
import pytest
import yaml

from operator_qos.cli import main
from operator_qos.settings import PREFIX, Settings
from tests.architecture.sources import ROOT

DEPLOY = ROOT / "docs" / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
NAMED = re.compile(r"\bOPERATOR_QOS_[A-Z_]*[A-Z]\b")
CALLED = re.compile(r"(?:^|[ /`])operator-qos ((?:[a-z]+)(?: [^`#&\n|']*)?)", re.MULTILINE)
EVERYWHERE = [*DEPLOY.iterdir(), ROOT / "compose.yaml", ROOT / "Dockerfile", ROOT / "docs" / "operations.md"]


def check_words(words: list[str]) -> None:
    """A command as it is written parses; nothing of it runs."""
    context = click.Context(main, info_name="operator-qos")
    name, command, rest = main.resolve_command(context, words)
    assert command is not None
    rest = ["4" if word == "N" else word for word in rest]
    command.make_context(name, rest, parent=context, resilient_parsing=False)


@pytest.mark.parametrize("path", EVERYWHERE, ids=lambda path: path.name)
def test_every_setting_that_is_named_exists(path: Path) -> None:
    known = {PREFIX + field.name.upper() for field in fields(Settings)}
    assert set(NAMED.findall(path.read_text())) - known == set()


def test_compose_migrates_before_anything_else_runs() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    assert sorted(services) == ["database", "migrate", "scheduler", "web"]
    for name in ("web", "scheduler"):
        assert services[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
        assert services[name]["restart"] == "unless-stopped"
    assert services["migrate"]["restart"] == "no"
    for name in ("migrate", "web", "scheduler"):
        check_words(services[name]["command"])


@pytest.mark.parametrize("name", ["web", "scheduler"])
def test_compose_lets_requests_and_jobs_end_as_long_as_systemd_does(name: str) -> None:
    unit = (DEPLOY / f"operator-qos-{name}.service").read_text()
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    assert f"TimeoutStopSec={services[name]['stop_grace_period'].removesuffix('s')}\n" in unit


def test_the_image_gives_its_user_the_folder_that_the_volume_covers() -> None:
    lines = [line.strip() for line in (ROOT / "Dockerfile").read_text().splitlines()]
    (folder,) = [line.split()[1] for line in lines if line.startswith("VOLUME")]
    assert f"install --directory --owner=operator-qos --group=operator-qos {folder}" in lines


def test_the_image_copies_what_is_there_and_starts_a_command_that_exists() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]]
    assert len(copied) >= 8
    assert [name for name in copied if not (ROOT / name).exists()] == []
    (started,) = [line.removeprefix("CMD ") for line in lines if line.startswith("CMD ")]
    check_words(yaml.safe_load(started))


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_units_start_commands_that_exist(unit: Path) -> None:
    (line,) = [line for line in unit.read_text().splitlines() if line.startswith("ExecStart=")]
    called = CALLED.findall(line)
    assert called
    for words in called:
        check_words(shlex.split(words))


def test_the_guide_names_commands_that_exist() -> None:
    called = [words.strip() for words in CALLED.findall((ROOT / "docs" / "operations.md").read_text())]
    assert len(called) >= 8
    for words in called:
        if len(words.split()) > 1 or words in {"migrate", "scheduler", "doctor"}:
            check_words(shlex.split(words))
        else:
            assert words in main.list_commands(click.Context(main))


def test_units_are_whole_and_systemd_reads_them(tmp_path: Path) -> None:
    """Where systemd is, it is asked too; the programs are not installed here, hence /bin/true."""
    units = [path for path in sorted(DEPLOY.iterdir()) if path.suffix in {".service", ".timer"}]
    for path in units:
        read = configparser.ConfigParser(strict=True, interpolation=None)
        read.read_string(path.read_text())
        assert "Unit" in read
        needed = read["Unit"].get("Requires", "").split()
        assert [name for name in needed if not (DEPLOY / name).is_file()] == []
        (tmp_path / path.name).write_text(path.read_text().replace("/opt/operator-qos/bin/operator-qos", "/bin/true"))
    if (program := shutil.which("systemd-analyze")) is None:
        return
    found = subprocess.run([program, "verify", "--man=no", *(str(tmp_path / path.name) for path in units)],
                           capture_output=True, text=True, check=False)
    assert [line for line in found.stderr.splitlines() if "operator-qos" in line] == [], found.stderr
