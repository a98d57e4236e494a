"""Which detection finds which object, and average precision, as COCO defines them."""

import numpy as np

RECALLS = np.linspace(0.0, 1.0, 101)
MISSED, IGNORED = -1, -2


def assign(similarity: np.ndarray, ignored: np.ndarray, threshold: float) -> np.ndarray:
    """Object (N,) that each detection of one image and class finds.

    Detections choose one by one, each the most similar object that is still free. One that finds no
    object that counts may fall on any that is ignored.

    Args:
        similarity: (N, T) of detections, best score first, and objects.
        ignored: (T,) bool.
        threshold: least similarity.

    Returns:
        Index of the object, ``MISSED`` for a false alarm, ``IGNORED`` for what does not count.
    """
    free = ~ignored
    found = np.full(len(similarity), MISSED)
    for row, values in enumerate(similarity):
        near = values >= threshold
        if (near & free).any():
            best = np.where(near & free, values, -np.inf).argmax()
            found[row], free[best] = best, False
        elif (near & ignored).any():
            found[row] = IGNORED
    return found


def average_precision(scores: np.ndarray, hits: np.ndarray, num_objects: int) -> float:
    """Mean over 101 recalls of the best precision at that recall or beyond.

    Args:
        scores: (N,) of detections that count, of all images.
        hits: (N,) bool, found an object.
        num_objects: number of objects that count.

    Returns:
        In [0, 1]; NaN without objects.
    """
    if num_objects == 0:
        return float("nan")
    hits = hits[np.argsort(-scores, kind="stable")]
    true = np.cumsum(hits)
    precision = true / np.arange(1, len(hits) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(true / num_objects, RECALLS, side="left")
    return float(np.append(best, 0.0)[np.minimum(places, len(best))].mean())
