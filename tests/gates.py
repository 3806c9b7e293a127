"""The coverage gates: silent when they hold, so that a test run ends with its own closing line.

python -m tests.gates
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from coverage import Coverage

# The aim for scoring is 100.
GATES = {"scoring": 97.0, "operator_qos": 95.0}
ROOT = Path(__file__).resolve().parents[1]


def measure(package: str) -> tuple[float, str]:
    """Covered lines and branches of a package [percent], and what is missing."""
    coverage = Coverage(config_file=str(ROOT / ".coveragerc"))
    coverage.load()
    report = io.StringIO()
    return coverage.report(include=[f"{package}/*"], file=report), report.getvalue()


def main() -> int:
    """Print what falls short; 1 when anything does."""
    failed = False
    for package, gate in GATES.items():
        percent, report = measure(package)
        if round(percent, 2) < gate:
            failed = True
            print(
                report,
                f"{package}: {percent:.2f} % of lines and branches are covered, {gate:.0f} % are asked for",
            )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
