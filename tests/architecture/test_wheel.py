"""What is installed from a wheel works with nothing beside it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from operator_qos import migrate
from tests.architecture.sources import ROOT

BUILD = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-c", BUILD, str(folder)], cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def list_shipped(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def list_files(folder: str) -> set[str]:
    found = (path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*") if path.is_file())
    return {name for name in found if "__pycache__" not in name}


@pytest.mark.parametrize("folder", ["templates", "static", "migrations"])
def test_a_wheel_holds_what_stands_beside_the_packages(wheel: Path, folder: str) -> None:
    wanted = {f"operator_qos/{name}" for name in list_files(folder)}
    assert wanted
    assert wanted - list_shipped(wheel) == set()


def test_a_wheel_holds_every_module_preset_and_translation(wheel: Path) -> None:
    assert (list_files("operator_qos") | list_files("scoring")) - list_shipped(wheel) == set()


def test_a_wheel_holds_no_tests(wheel: Path) -> None:
    assert {name for name in list_shipped(wheel) if name.startswith(("tests/", "benchmarks/"))} == set()


def test_an_unpacked_wheel_finds_its_migrations(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    ask = "from operator_qos import health, migrate; print(health.find_migrations(), migrate.get_head())"
    found = subprocess.run(
        [sys.executable, "-c", ask],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(tmp_path)},
    ).stdout.split()
    assert found == [str(tmp_path / "operator_qos" / "migrations"), migrate.get_head()]
