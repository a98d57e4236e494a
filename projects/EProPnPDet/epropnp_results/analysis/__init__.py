"""How good results are, and whether their densities may be believed; numpy.

* ``samples``: pairs of detections and true objects as columns of numbers.
* ``errors``: error by class, distance, visibility and truncation.  ``calibration``: coverage,
  expected calibration error, likelihood, sharpness, risk and coverage.
* ``temperature``: one exponent per class and split conformal levels, fitted on held-out results.
  ``intervals``: conformal intervals of position.
"""

from .calibration import calibration_error, coverage, risk_coverage
from .errors import as_promised, error_table
from .samples import Pairs, collect_pairs, hold_out
from .temperature import (
    Calibration,
    best_temperature,
    calibration_path,
    evaluate_calibration,
    fit_calibration,
)

__all__ = [
    "Calibration",
    "Pairs",
    "as_promised",
    "best_temperature",
    "calibration_error",
    "calibration_path",
    "collect_pairs",
    "coverage",
    "error_table",
    "evaluate_calibration",
    "fit_calibration",
    "hold_out",
    "risk_coverage",
]
