"""A tiny synthetic nuScenes set for tests.

``make_tiny_nuscenes`` makes one wherever it is told; the session fixture ``tiny_nuscenes`` makes
one for all tests of a module that does ``from synth_fixtures import tiny_nuscenes``.
"""

from pathlib import Path

import pytest

from epropnp_synth.generate import Settings, generate


def make_tiny_nuscenes(
    out_dir: Path, scenes: int = 2, samples: int = 2, version: str = "v1.0-mini"
) -> Path:
    """Data root with the given numbers of scenes and samples, images of 320 x 180."""
    settings = Settings(version, scenes, samples, image_scale=0.2, seed=1)
    generate(Path(out_dir), settings, workers=1)
    return Path(out_dir)


@pytest.fixture(scope="session")
def tiny_nuscenes(tmp_path_factory) -> Path:
    """One scene for training, one for validation, two samples each."""
    return make_tiny_nuscenes(tmp_path_factory.mktemp("nuscenes") / "tiny")
