"""Errors by class, distance, visibility and truncation."""

import itertools

import numpy as np

from .samples import Pairs

DISTANCES = (0.0, 10.0, 20.0, 30.0, 40.0, 50.0, np.inf)
VISIBILITIES = (0.0, 0.4, 0.6, 0.8, 1.0)  # nuScenes' levels
PROMISES = {  # by task, metres, share of the distance, degrees: what trust is the probability of
    "detection": (0.5, 0.05, 20.0),
    "pose": (0.005, 0.02, 5.0),
}
Groups = dict[str, np.ndarray]  # name: mask (N,)


def as_promised(pairs: Pairs, task: str) -> np.ndarray:
    """Whether (N,) detections are as near as their trust promises."""
    metres, share, degrees = PROMISES[task]
    near = pairs.position <= metres + share * pairs.distance
    return near & (np.degrees(pairs.angle) <= degrees)


def class_groups(pairs: Pairs) -> Groups:
    """Masks of the classes there are."""
    return {str(name): pairs.label == name for name in sorted(set(pairs.label))}


def distance_groups(pairs: Pairs) -> Groups:
    """Masks of ranges of distance that hold something."""
    return _ranges(pairs.distance, DISTANCES, "{:.0f} to {:.0f} m")


def visibility_groups(pairs: Pairs) -> Groups:
    """Masks of ranges of visibility that hold something; none where it is unknown."""
    shares = np.minimum(pairs.visibility, 1 - 1e-9)
    return _ranges(shares, VISIBILITIES, "visible {:.0%} to {:.0%}")


def truncation_groups(pairs: Pairs) -> Groups:
    """Masks of objects at the image's border and others."""
    cut = pairs.truncation > 0
    return {name: mask for name, mask in (("cut by the image", cut), ("uncut", ~cut)) if mask.any()}


def error_table(pairs: Pairs) -> list[dict]:
    """Rows of medians: all, per class, distance, visibility, and for cut and uncut objects.

    Each row: ``group``, ``count``, ``position`` (m), ``relative`` (share of the distance),
    ``angle`` (degrees), ``size``.
    """
    groups = {"all": np.ones(len(pairs), dtype=bool)}
    for grouping in (class_groups, distance_groups, visibility_groups, truncation_groups):
        groups |= grouping(pairs)
    return [_row(name, pairs.select(keep)) for name, keep in groups.items()]


def _ranges(values: np.ndarray, borders: tuple[float, ...], name: str) -> Groups:
    masks = {
        name.format(low, high).replace("to inf m", "m and more"): (values >= low) & (values < high)
        for low, high in itertools.pairwise(borders)
    }
    return {title: mask for title, mask in masks.items() if mask.any()}


def _row(name: str, pairs: Pairs) -> dict:
    return dict(
        group=name,
        count=len(pairs),
        position=float(np.median(pairs.position)),
        relative=float(np.median(pairs.position / pairs.distance)),
        angle=float(np.degrees(np.median(pairs.angle))),
        size=float(np.median(pairs.size)),
    )
