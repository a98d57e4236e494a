"""How good results are, and whether their densities may be believed; numpy.

* ``samples``: pairs of detections and true objects as columns of numbers.
* ``errors``: error by class, distance, visibility and truncation.  ``calibration``: coverage,
  expected calibration error, likelihood, sharpness, risk and coverage.
* ``temperature``: one exponent per class and split conformal levels, fitted on held-out results.
  ``intervals``: conformal intervals of position.
"""

from .calibration import LEVELS, calibration_error, coverage, coverage_numbers, risk_coverage
from .errors import as_promised, error_table
from .samples import Pairs, collect_pairs, held_out_images, hold_out
from .temperature import (
    Calibration,
    best_temperature,
    calibration_path,
    conformal_levels,
    evaluate_calibration,
    fit_calibration,
)

__all__ = [
    "LEVELS",
    "Calibration",
    "Pairs",
    "as_promised",
    "best_temperature",
    "calibration_error",
    "calibration_path",
    "collect_pairs",
    "conformal_levels",
    "coverage",
    "coverage_numbers",
    "error_table",
    "evaluate_calibration",
    "fit_calibration",
    "held_out_images",
    "hold_out",
    "risk_coverage",
]
