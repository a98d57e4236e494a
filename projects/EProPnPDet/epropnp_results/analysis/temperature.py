"""Calibration of densities on held-out results: an exponent per class, then conformal levels.

A density p becomes p^(1 / T), normalised again. T is the one of largest likelihood of the truth.
Split conformal prediction (Vovk; Lei et al., 2018) then says which nominal level the regions need
so that they hold the truth with the wanted probability: a quantile of the held-out levels.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .calibration import (
    calibration_error,
    coverage,
    log_likelihood,
    sharpness,
    tempered,
    truth_levels,
)
from .samples import Pairs

TEMPERATURES = np.geomspace(0.1, 20, 48)
FLOOR = 1e-12  # of densities relative to the highest, so that one outlier does not decide
WANTED = (0.5, 0.8, 0.9, 0.95)
MIN_COUNT = 20  # of a class, below which it shares the temperature of all
ALL = "all"


@dataclass(frozen=True)
class Calibration:
    """What was fitted, per quantity ("place", "heading").

    Attributes:
        temperatures: per quantity a temperature per class; "all" for those that are not named.
        levels: per quantity and wanted level, as text, the nominal level to use.
        count: number of objects it was fitted on.
    """

    temperatures: dict[str, dict[str, float]]
    levels: dict[str, dict[str, float]]
    count: int

    def save(self, path: Path) -> None:
        """Write as JSON; beside a checkpoint as ``calibration_path(checkpoint)``."""
        part = path.with_name(f".{path.name}.part")
        part.write_text(json.dumps(asdict(self), indent=1))
        part.replace(path)

    @staticmethod
    def load(path: Path) -> "Calibration":
        """Read what was saved.

        Raises:
            ValueError: the file is none.
        """
        try:
            return Calibration(**json.loads(path.read_text()))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: is no calibration ({error})") from None

    def temperature(self, quantity: str, label: str) -> float:
        """Of a class."""
        own = self.temperatures[quantity]
        return own.get(label, own[ALL])


def calibration_path(checkpoint: str | Path) -> Path:
    """File of the calibration that belongs to a checkpoint."""
    return Path(checkpoint).with_suffix(".calibration.json")


def fit_calibration(pairs: Pairs) -> Calibration:
    """Fit temperatures and conformal levels.

    Args:
        pairs: held-out detections with densities.

    Raises:
        ValueError: the results hold no densities.
    """
    temperatures, levels = {}, {}
    for quantity in ("place", "heading"):
        grids, at_truth = _densities(pairs, quantity)
        temperatures[quantity] = {ALL: _fit(grids, at_truth)}
        for label in sorted(set(pairs.label)):
            keep = pairs.label == label
            if keep.sum() >= MIN_COUNT:
                temperatures[quantity][label] = _fit(grids[keep], at_truth[keep])
    fitted = Calibration(temperatures, {}, len(pairs))
    for quantity in ("place", "heading"):
        own = np.sort(tempered_levels(pairs, quantity, fitted))
        levels[quantity] = {str(q): conformal_level(own, q) for q in WANTED}
    return Calibration(temperatures, levels, len(pairs))


def conformal_level(levels: np.ndarray, wanted: float) -> float:
    """Nominal level that holds a new truth with probability ``wanted`` at least, at most 1.

    Args:
        levels: (N,) sorted levels of held-out truths.
        wanted: probability.
    """
    rank = int(np.ceil((len(levels) + 1) * wanted))
    return 1.0 if rank > len(levels) else float(levels[rank - 1])


class Densities(NamedTuple):
    """Densities of N objects that integrate to one.

    Attributes:
        grids: (N, ...) on equal cells.
        at_truth: (N,) at the true places.
        cells: (N,) measure of a cell: square metres, or radians.
    """

    grids: np.ndarray
    at_truth: np.ndarray
    cells: np.ndarray


def calibrated_densities(pairs: Pairs, quantity: str, calibration: Calibration | None) -> Densities:
    """Densities as they are, or at the temperatures of a calibration."""
    grids, at_truth = _densities(pairs, quantity)
    cells = pairs.cell_area
    if quantity == "heading":
        cells = np.full(len(pairs), 2 * np.pi / grids.shape[1])
    made, own = np.zeros_like(grids), np.zeros(len(pairs))
    for label in set(pairs.label):
        keep = pairs.label == label
        power = 1.0 if calibration is None else 1 / calibration.temperature(quantity, label)
        made[keep], own[keep] = tempered(grids[keep], at_truth[keep], cells[keep], power)
    return Densities(made, own, cells)


def tempered_levels(pairs: Pairs, quantity: str, calibration: Calibration | None) -> np.ndarray:
    """Levels (N,) of the truth, of densities as they are or calibrated."""
    found = calibrated_densities(pairs, quantity, calibration)
    return truth_levels(found.grids, found.at_truth)


def evaluate_calibration(pairs: Pairs, calibration: Calibration | None = None) -> dict:
    """Calibration error, coverage, of all and of the hardest quarter (the least trusted), and more.

    ``log_likelihood`` is the mean log density of the truth (per square metre, per radian; higher
    is better), ``sharpness`` the median measure of the 90 % regions (square metres, degrees;
    smaller says more).

    Args:
        pairs: detections with densities.
        calibration: None for the densities as they are.
    """
    hard = pairs.trust <= np.nanquantile(pairs.trust, 0.25)
    report = {}
    for quantity in ("place", "heading"):
        found = calibrated_densities(pairs, quantity, calibration)
        levels = truth_levels(found.grids, found.at_truth)
        measure = np.degrees if quantity == "heading" else np.asarray
        own = dict(
            calibration_error=calibration_error(levels),
            log_likelihood=float(log_likelihood(found.at_truth, found.cells).mean()),
            sharpness=float(measure(np.median(sharpness(found.grids, found.cells)))),
            coverage={str(q): float(coverage(levels, np.array([q]))[0]) for q in WANTED},
            hardest_quarter={
                str(q): float(coverage(levels[hard], np.array([q]))[0]) for q in WANTED
            },
        )
        if calibration is not None:
            nominal = calibration.levels[quantity]
            own["conformal"] = {q: float((levels <= nominal[q]).mean()) for q in nominal}
            own["conformal_hardest_quarter"] = {
                q: float((levels[hard] <= nominal[q]).mean()) for q in nominal
            }
        report[quantity] = own
    return report


def _densities(pairs: Pairs, quantity: str) -> tuple[np.ndarray, np.ndarray]:
    if pairs.place_grid is None:
        raise ValueError("the results hold no densities: infer again with densities")
    if quantity == "place":
        return pairs.place_grid, pairs.place_density
    return pairs.yaw_grid, pairs.yaw_density


def _fit(grids: np.ndarray, at_truth: np.ndarray) -> float:
    """Temperature with the largest likelihood of the truth."""
    flat = grids.reshape(len(grids), -1)
    highest = flat.max(1, keepdims=True)
    logs = np.log(np.maximum(flat / highest, FLOOR))
    own = np.log(np.maximum(at_truth / highest[:, 0], FLOOR))
    scores = []
    for temperature in TEMPERATURES:
        scaled = logs / temperature
        scores.append((own / temperature - np.log(np.exp(scaled).sum(1))).mean())
    return float(TEMPERATURES[int(np.argmax(scores))])
