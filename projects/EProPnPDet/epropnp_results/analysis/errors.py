"""Errors by class, distance and truncation."""

import itertools

import numpy as np

from .samples import Pairs

DISTANCES = (0.0, 10.0, 20.0, 30.0, 40.0, 50.0, np.inf)


def error_table(pairs: Pairs) -> list[dict]:
    """Rows of medians, per class, per distance, and for cut and uncut objects.

    Each row: ``group``, ``count``, ``position`` (m), ``relative`` (share of the distance),
    ``angle`` (degrees), ``size``.
    """
    groups = [("all", np.ones(len(pairs), dtype=bool))]
    groups += [(name, pairs.label == name) for name in sorted(set(pairs.label))]
    groups += [
        (f"{low:.0f} m to {high:.0f} m", (pairs.distance >= low) & (pairs.distance < high))
        for low, high in itertools.pairwise(DISTANCES)
    ]
    groups += [("cut by the image", pairs.truncation > 0), ("uncut", pairs.truncation == 0)]
    return [_row(name, pairs.select(keep)) for name, keep in groups if keep.any()]


def _row(name: str, pairs: Pairs) -> dict:
    return dict(
        group=name,
        count=len(pairs),
        position=float(np.median(pairs.position)),
        relative=float(np.median(pairs.position / pairs.distance)),
        angle=float(np.degrees(np.median(pairs.angle))),
        size=float(np.median(pairs.size)),
    )
