"""Calibration of densities on held-out results: an exponent per class, then conformal levels.

A density p becomes p^(1 / T), normalised again. T is the one of largest likelihood of the truth.
Split conformal prediction (Vovk; Lei et al., 2018) then says which nominal level the regions need
so that they hold the truth with the wanted probability: a quantile of the held-out levels.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from .calibration import calibration_error, coverage, truth_levels
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


def tempered_levels(pairs: Pairs, quantity: str, calibration: Calibration | None) -> np.ndarray:
    """Levels (N,) of the truth, of densities as they are or calibrated."""
    grids, at_truth = _densities(pairs, quantity)
    levels = np.zeros(len(pairs))
    for label in set(pairs.label):
        keep = pairs.label == label
        power = 1.0 if calibration is None else 1 / calibration.temperature(quantity, label)
        levels[keep] = truth_levels(grids[keep], at_truth[keep], power)
    return levels


def evaluate_calibration(pairs: Pairs, calibration: Calibration | None = None) -> dict:
    """Calibration error and coverage, of all and of the hardest quarter (the least trusted).

    Args:
        pairs: detections with densities.
        calibration: None for the densities as they are.
    """
    hard = pairs.trust <= np.nanquantile(pairs.trust, 0.25)
    report = {}
    for quantity in ("place", "heading"):
        levels = tempered_levels(pairs, quantity, calibration)
        own = dict(
            calibration_error=calibration_error(levels),
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
