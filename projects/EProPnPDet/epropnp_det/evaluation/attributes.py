"""Attribute of a detection, always one that its class can have."""

import numpy as np

from epropnp_data.vocabulary import Vocabulary


def attributes_from_logits(
    logits: np.ndarray, labels: np.ndarray, vocabulary: Vocabulary
) -> np.ndarray:
    """Most likely attribute among those of the class.

    Args:
        logits: (N, A).
        labels: (N,) int class.
        vocabulary: with A attributes.

    Returns:
        (N,) int attribute; -1 for a class that has none.
    """
    scope = vocabulary.scope[labels]
    best = np.where(scope, logits, -np.inf).argmax(axis=1)
    return np.where(scope.any(axis=1), best, -1)


def attributes_from_labels(
    attr_labels: np.ndarray, labels: np.ndarray, vocabulary: Vocabulary
) -> np.ndarray:
    """Predicted attribute (N,) where the class can have it, the class's default elsewhere.

    A negative label is no prediction.
    """
    attr_labels = np.asarray(attr_labels).astype(int)
    scope = np.pad(vocabulary.scope, ((0, 0), (0, 1)))  # the last column is that of -1
    possible = scope[labels, attr_labels]
    return np.where(possible, attr_labels, vocabulary.defaults[labels])
