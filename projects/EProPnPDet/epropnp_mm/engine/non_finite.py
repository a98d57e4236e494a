"""Where a batch holds numbers that are not finite."""

from collections.abc import Iterator

import numpy as np
import torch
from mmengine.structures import BaseDataElement

UNKNOWN_AS_NAN = ("velocities",)  # where NaN is a normal value


def non_finite_fields(value: object, name: str = "") -> Iterator[str]:
    """Names of the parts of a value that hold NaN or infinity.

    Args:
        value: tensor, array, number, data element, or lists and dictionaries of them; others are
            passed over.
        name: of the value itself.
    """
    if name.split(".")[-1] in UNKNOWN_AS_NAN:
        return
    if isinstance(value, BaseDataElement):
        for key, part in [*value.metainfo_items(), *value.items()]:
            yield from non_finite_fields(part, f"{name}.{key}".strip("."))
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from non_finite_fields(part, f"{name}.{key}".strip("."))
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield from non_finite_fields(part, f"{name}[{index}]")
    elif not is_finite(getattr(value, "tensor", value)):  # boxes keep theirs in `tensor`
        yield name


def is_finite(value: object) -> bool:
    """Whether all numbers of a tensor, an array or a number are finite; True for what has none."""
    if isinstance(value, torch.Tensor):
        return not value.is_floating_point() or bool(value.isfinite().all())
    if isinstance(value, float | np.floating | np.ndarray):
        array = np.asarray(value)
        return array.dtype.kind not in "fc" or bool(np.isfinite(array).all())
    return True


def describe_samples(batch: dict | None) -> list[str]:
    """One text per sample of a batch: its image, and which of its fields are not finite."""
    batch = batch or {}
    samples, inputs = batch.get("data_samples", []), batch.get("inputs")
    images = inputs.get("img", []) if isinstance(inputs, dict) else inputs
    images = images if images is not None and len(images) == len(samples) else [None] * len(samples)
    texts = []
    for sample, image in zip(samples, images, strict=True):
        fields = list(non_finite_fields(sample)) + ([] if is_finite(image) else ["the image"])
        path = getattr(sample, "img_path", "?")
        texts.append(f"{path} (not finite: {', '.join(fields)})" if fields else str(path))
    return texts
