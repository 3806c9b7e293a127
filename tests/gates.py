"""The coverage gates: silent when they hold, so that a test run ends with its own closing line.

python -m tests.gates
"""

from __future__ import annotations

import io
import sys
from typing import Any

from slipcover import Slipcover, print_coverage
from slipcover.slipcover import add_summaries

from tests.measuring import ROOT, read_seen

# The aim for scoring is 100.
GATES = {"scoring": 97.0, "operator_qos": 95.0}


def measure(package: str) -> dict[str, Any]:
    """Covered and missing lines and branches of a package, in the form the library reports."""
    whole = Slipcover(branch=True, source=[str(ROOT / package)], exclude_also=["@overload"])
    for file, places in read_seen().items():
        whole.all_seen[file] |= places
    found: dict[str, Any] = whole.get_coverage()
    add_summaries(found)
    return found


def main() -> int:
    """Print what falls short; 1 when anything does."""
    failed = False
    for package, gate in GATES.items():
        found = measure(package)
        percent = found["summary"]["percent_covered"]
        if round(percent, 2) < gate:
            failed, report = True, io.StringIO()
            print_coverage(found, outfile=report, skip_covered=True)
            print(report.getvalue(),
                  f"{package}: {percent:.2f} % of lines and branches are covered, {gate:.0f} % are asked for")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
