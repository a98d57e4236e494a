"""Fixtures of the detector's tests."""

import numpy as np
import pytest
from mmengine.registry import init_default_scope

from det_reference import build_detector, load_named_weights


@pytest.fixture(autouse=True)
def _mmdet3d_scope():
    """Registered names are looked up as in a run: in mmdet3d first, then in its parents."""
    init_default_scope("mmdet3d")


@pytest.fixture(scope="session")
def golden(golden_file):
    """Arrays of the recorded inference run of the published v2 detector."""
    with np.load(golden_file("det_v2_small.npz")) as arrays:
        return dict(arrays)


@pytest.fixture(scope="session")
def reference_detector(repo_dir):
    """The full v2 detector with the weights of the recorded run, for inference."""
    init_default_scope("mmdet3d")
    model = build_detector(repo_dir).eval()
    load_named_weights(model)
    return model.requires_grad_(False)
