"""A slow second method: every metric straight from a list of CloudEvents, in plain Python.

It shares no code with the product, so that an error has to be made twice to go unseen.
"""

from tests.oracle.measured import Measured
from tests.oracle.metrics import METRICS, measure, measure_all

__all__ = ["METRICS", "Measured", "measure", "measure_all"]
