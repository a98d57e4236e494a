"""Attribute of a detection, always one that its class can have."""

import numpy as np

from epropnp_data.nuscenes.taxonomy import attribute_scope, default_attributes

_SCOPE = attribute_scope()
_DEFAULTS = default_attributes()


def attributes_from_logits(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Most likely attribute among those of the class.

    Args:
        logits: (N, 9).
        labels: (N,) int class.

    Returns:
        (N,) int attribute.
    """
    return np.where(_SCOPE[labels], logits, -np.inf).argmax(axis=1)


def attributes_from_labels(attr_labels: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Predicted attribute (N,) where the class can have it, the class's default elsewhere."""
    attr_labels = np.asarray(attr_labels).astype(int)
    return np.where(_SCOPE[labels, attr_labels], attr_labels, _DEFAULTS[labels])
