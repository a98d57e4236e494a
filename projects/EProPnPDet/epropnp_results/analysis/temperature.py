"""Calibration of densities on held-out results: an exponent per class, conformal levels, margins.

A density p becomes p^(1 / T), normalised again. T is the one of largest likelihood of the truth.
Split conformal prediction (Vovk; Lei et al., 2018) then says which nominal level the regions need
so that they hold the truth with the wanted probability: a quantile of the held-out levels.
Intervals of position get conformal margins (``intervals``).
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
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
from .intervals import AXES, Margins, fit_margins, interval_coverage, stretch_all
from .samples import Pairs

TEMPERATURES = np.geomspace(0.1, 20, 48)
FLOOR = 1e-12  # of densities relative to the highest, so that one outlier does not decide
WANTED = (0.5, 0.8, 0.9, 0.95)
MIN_COUNT = 20  # of a class, below which it shares the temperature of all
ALL = "all"


@dataclass(frozen=True)
class Calibration:
    """What was fitted, per quantity: "place" and "heading", or "pose" of a 6DoF network.

    Attributes:
        temperatures: per quantity a temperature per class; "all" for those that are not named.
        levels: per quantity and wanted level, as text, the nominal level to use.
        count: number of objects it was fitted on.
        margins: per wanted level, as text, and axis the margin of the interval of position, in
            widths of it. Intervals are those of the density without a temperature.
    """

    temperatures: dict[str, dict[str, float]]
    levels: dict[str, dict[str, float]]
    count: int
    margins: Margins = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write as JSON; beside a checkpoint as ``calibration_path(checkpoint)``."""
        part = path.with_name(f".{path.name}.part")
        part.write_text(json.dumps(asdict(self), indent=1))
        part.replace(path)

    def save_beside(self, checkpoint: str | Path) -> Path:
        """Save as the calibration of a checkpoint; what it has and this one has not stays."""
        there, path = Calibration.beside(checkpoint), calibration_path(checkpoint)
        merged = self
        if there is not None:
            merged = Calibration(
                there.temperatures | self.temperatures,
                there.levels | self.levels,
                self.count,
                self.margins or there.margins,
            )
        merged.save(path)
        return path

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

    @staticmethod
    def beside(checkpoint: str | Path) -> "Calibration | None":
        """That of a checkpoint, None where there is none.

        Raises:
            ValueError: the file is none.
        """
        path = calibration_path(checkpoint)
        return Calibration.load(path) if path.is_file() else None

    def temperature(self, quantity: str, label: str) -> float:
        """Of a class; 1 for a quantity that was not fitted."""
        own = self.temperatures.get(quantity, {ALL: 1.0})
        return own.get(label, own[ALL])


def calibration_path(checkpoint: str | Path) -> Path:
    """File of the calibration that belongs to a checkpoint."""
    return Path(checkpoint).with_suffix(".calibration.json")


def fit_calibration(pairs: Pairs) -> Calibration:
    """Fit temperatures and conformal levels, and margins.

    Args:
        pairs: held-out detections with densities on the ground (temperatures and levels), with
            intervals of position (margins), or with both.

    Raises:
        ValueError: the results hold neither.
    """
    if pairs.place_grid is None and pairs.intervals is None:
        raise ValueError("the results hold no densities: infer again with densities")
    temperatures, levels = {}, {}
    for quantity in quantities(pairs):
        grids, at_truth = _densities(pairs, quantity)
        temperatures[quantity] = {ALL: _fit(grids, at_truth)}
        for label in sorted(set(pairs.label)):
            keep = pairs.label == label
            if keep.sum() >= MIN_COUNT:
                temperatures[quantity][label] = _fit(grids[keep], at_truth[keep])
    fitted = Calibration(temperatures, {}, len(pairs))
    for quantity in quantities(pairs):
        own = np.sort(tempered_levels(pairs, quantity, fitted))
        levels[quantity] = {str(q): conformal_level(own, q) for q in WANTED}
    margins = {}
    if pairs.intervals is not None:
        margins = fit_margins(pairs.intervals, pairs.place, interval_levels(pairs))
    return Calibration(temperatures, levels, len(pairs), margins)


def quantities(pairs: Pairs) -> tuple[str, ...]:
    """Those that the results hold densities of."""
    return () if pairs.place_grid is None else ("place", "heading")


def interval_levels(pairs: Pairs) -> tuple[float, ...]:
    """The levels of the intervals, the same for all objects of a results folder."""
    return tuple(pairs.interval_levels[0].tolist())


def best_temperature(log_density: np.ndarray, temperatures: Sequence[float]) -> float:
    """Temperature of the largest mean log density of the truth, (N, T) nats of T temperatures."""
    return float(temperatures[int(np.argmax(log_density.mean(axis=0)))])


def conformal_level(levels: np.ndarray, wanted: float) -> float:
    """Nominal level that holds a new truth with probability ``wanted`` at least, at most 1.

    Args:
        levels: (N,) sorted levels of held-out truths.
        wanted: probability.
    """
    rank = int(np.ceil((len(levels) + 1) * wanted))
    return 1.0 if rank > len(levels) else float(levels[rank - 1])


def conformal_levels(known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Nominal levels (L,) that hold a truth with the wanted probabilities, from levels (N,)."""
    ordered = np.sort(known)
    return np.array([conformal_level(ordered, level) for level in wanted])


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
    smaller says more). ``intervals`` has the coverage of the intervals of position, by level and
    axis, and their median width.

    Args:
        pairs: detections with densities.
        calibration: None for the densities as they are.
    """
    hard = pairs.trust <= np.nanquantile(pairs.trust, 0.25)
    report = {}
    if pairs.intervals is not None:
        report["intervals"] = _evaluate_intervals(pairs, hard, calibration)
    for quantity in quantities(pairs):
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


def _evaluate_intervals(pairs: Pairs, hard: np.ndarray, calibration: Calibration | None) -> dict:
    levels, intervals = interval_levels(pairs), pairs.intervals
    if calibration is not None:
        intervals = stretch_all(intervals, levels, calibration.margins)
    width = np.median(intervals[..., 1] - intervals[..., 0], axis=0)
    return dict(
        coverage=interval_coverage(intervals, pairs.place, levels),
        hardest_quarter=interval_coverage(intervals[hard], pairs.place[hard], levels),
        width={
            str(level): dict(zip(AXES, row.tolist(), strict=True))
            for level, row in zip(levels, width, strict=True)
        },
    )


def _densities(pairs: Pairs, quantity: str) -> tuple[np.ndarray, np.ndarray]:
    if quantity == "place":
        return pairs.place_grid, pairs.place_density
    return pairs.yaw_grid, pairs.yaw_density


def _fit(grids: np.ndarray, at_truth: np.ndarray) -> float:
    """Temperature with the largest likelihood of the truth."""
    flat = grids.reshape(len(grids), -1)
    highest = flat.max(1, keepdims=True)
    logs = np.log(np.maximum(flat / highest, FLOOR))
    own = np.log(np.maximum(at_truth / highest[:, 0], FLOOR))
    table = [own / t - np.log(np.exp(logs / t).sum(1)) for t in TEMPERATURES]
    return best_temperature(np.stack(table, axis=1), TEMPERATURES)
