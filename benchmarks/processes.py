"""The processes of a Spark session on this machine: what each side used of the processors, and which it may use.

Linux alone: all of it stands in /proc.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
EXECUTOR = b"CoarseGrainedExecutorBackend"
_TICKS = os.sysconf("SC_CLK_TCK")


def measure_processors() -> dict[str, float]:
    """What the executors, each with its Python, and the driver used of the processors so far [s]."""
    parents = _list_parents()
    executors = set(_find_executors(parents))
    own = {pid for pid in parents if _is_under(pid, {os.getpid()}, parents)}
    there = {pid for pid in own if _is_under(pid, executors, parents)}
    return {"executors": sum(map(_used_seconds, there)), "driver": sum(map(_used_seconds, own - there))}


def count_executors() -> int:
    """How many executors run."""
    return len(list(_find_executors(_list_parents())))


def hold_executors() -> None:
    """Let each executor run on a core of its own, with every thread and process that it has and will have."""
    parents = _list_parents()
    cores = sorted(os.sched_getaffinity(0))
    for number, executor in enumerate(sorted(_find_executors(parents))):
        for pid in [pid for pid in parents if _is_under(pid, {executor}, parents)]:
            for thread in (PROC / str(pid) / "task").iterdir():
                os.sched_setaffinity(int(thread.name), {cores[number % len(cores)]})


def _find_executors(parents: dict[int, int]) -> Iterator[int]:
    for pid in parents:
        if _is_under(pid, {os.getpid()}, parents) and EXECUTOR in _read(pid, "cmdline"):
            yield pid


def _list_parents() -> dict[int, int]:
    """The parent of every process of the machine."""
    found = {int(folder.name): _stat_of(int(folder.name)) for folder in PROC.iterdir() if folder.name.isdigit()}
    return {pid: int(stat[1]) for pid, stat in found.items() if stat}


def _is_under(pid: int, roots: set[int], parents: dict[int, int]) -> bool:
    while pid not in roots and pid in parents:
        pid = parents[pid]
    return pid in roots


def _used_seconds(pid: int) -> float:
    """User and system time of a process and of those of its children that ended."""
    return sum(int(ticks) for ticks in _stat_of(pid)[11:15]) / _TICKS


def _stat_of(pid: int) -> list[bytes]:
    """What stands behind the name of a process, its state first; nothing of one that has ended."""
    return _read(pid, "stat").rpartition(b")")[2].split()


def _read(pid: int, name: str) -> bytes:
    try:
        return (PROC / str(pid) / name).read_bytes()
    except OSError:
        return b""
