"""Sizes of the objects of each category."""

from typing import NamedTuple

import numpy as np

from .records import Category, CustomSet

MIN_SPREAD = 0.05  # of the mean: equal sizes, or a single object, have no deviation of their own


class SizeStatistics(NamedTuple):
    """Mean and standard deviation of (length, height, width) in metres, by class."""

    means: dict[str, tuple[float, float, float]]
    stds: dict[str, tuple[float, float, float]]


def size_statistics(custom: CustomSet) -> SizeStatistics:
    """Statistics of a set: those that its file states, else those of its objects.

    A class without either is left out.
    """
    sizes: dict[int, list[np.ndarray]] = {}
    for image in custom.images:
        for item in image.objects or ():
            if not item.ignore:
                sizes.setdefault(item.label, []).append(item.size_lhw)
    means, stds = {}, {}
    for label, category in enumerate(custom.categories):
        found = _of_category(category, sizes.get(label, []))
        if found is not None:
            means[category.name], stds[category.name] = found
    return SizeStatistics(means, stds)


def _of_category(category: Category, sizes: list[np.ndarray]) -> tuple | None:
    if category.size_mean is not None:
        return category.size_mean, category.size_std
    if not sizes:
        return None
    mean = np.mean(sizes, axis=0)
    std = np.maximum(np.std(sizes, axis=0), MIN_SPREAD * mean)
    return tuple(mean.tolist()), tuple(std.tolist())
