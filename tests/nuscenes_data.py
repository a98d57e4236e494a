"""A tiny synthetic nuScenes with info files, made once for all tests of a session.

``from nuscenes_data import nuscenes_root`` gives the fixture.
"""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet3d.structures import CameraInstance3DBoxes
from nuscenes.nuscenes import NuScenes

from epropnp_data.nuscenes.taxonomy import CAMERAS
from epropnp_det.datasets.preparation import prepare_nuscenes
from epropnp_det.datasets.preparation.annotate import annotate_image, keyframe_objects
from synth_fixtures import make_tiny_nuscenes

VERSION = "v1.0-mini"


@cache
def prepared_root() -> Path:
    """Data root with tables, images, lidar, info files and side files."""
    folder = Path(tempfile.mkdtemp(prefix="tiny-nuscenes-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    root = make_tiny_nuscenes(folder / "data")
    prepare_nuscenes(root, VERSION)
    return root


@pytest.fixture(scope="session")
def nuscenes_root() -> Path:
    """Data root; read only: other tests use it too."""
    return prepared_root()


@cache
def load_tables(root: Path) -> NuScenes:
    """The devkit's view of a data root."""
    return NuScenes(VERSION, str(root), verbose=False)


def copy_of(root: Path, target: Path) -> Path:
    """Data root of its own whose info files and tables may be changed; sensor data is linked."""
    target.mkdir()
    for entry in root.iterdir():
        if entry.name in ("samples", "sweeps", "maps"):
            (target / entry.name).symlink_to(entry)
        elif entry.is_dir():
            shutil.copytree(entry, target / entry.name)
        else:
            shutil.copy(entry, target)
    return target


def truth_as_predictions(nusc: NuScenes, sample: dict) -> list[dict]:
    """What a perfect detector would predict for each camera: objects with lidar or radar points."""
    seen = []
    for token in sample["anns"]:
        record = nusc.get("sample_annotation", token)
        if record["num_lidar_pts"] + record["num_radar_pts"] > 0:
            seen.append(token)
    objects = keyframe_objects(nusc, {**sample, "anns": seen})
    return [_camera_truth(nusc, sample, name, objects) for name in CAMERAS]


def _camera_truth(nusc: NuScenes, sample: dict, cam_name: str, objects) -> dict:
    boxes = annotate_image(nusc, sample["data"][cam_name], objects)
    columns = [boxes.centers, boxes.dims, boxes.yaws[:, None], boxes.velocities]
    return {
        "sample_token": sample["token"],
        "cam_name": cam_name,
        "img_path": nusc.get("sample_data", sample["data"][cam_name])["filename"],
        "pred_instances_3d": {
            "bboxes_3d": CameraInstance3DBoxes(
                np.concatenate(columns, axis=1), box_dim=9, origin=(0.5, 0.5, 0.5)
            ),
            "scores_3d": torch.linspace(1.0, 0.5, len(boxes)),
            "labels_3d": torch.from_numpy(boxes.labels),
            "attr_labels": torch.from_numpy(boxes.attr_labels),
        },
    }
