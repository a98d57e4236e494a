"""mmdet3d's own inferencer reads our configs and finds what ours finds."""

import json

import cv2
import mmengine
import numpy as np
import pytest
import torch
from mmdet3d.apis import MonoDet3DInferencer

from epropnp_data.errors import DatasetError
from epropnp_data.nuscenes.taxonomy import CLASSES
from epropnp_det.inference import Detector3D
from small_checkpoint import CONFIG, checkpoint

__all__ = ["checkpoint"]
K = np.array([[350.0, 0, 224], [0, 350, 126], [0, 0, 1]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An image and mmdet3d's info file of it; it asks for CAM2, whatever camera it is told."""
    folder = tmp_path_factory.mktemp("one")
    coarse = np.random.default_rng(0).integers(0, 255, (12, 20, 3), dtype=np.uint8)
    cv2.imwrite(str(folder / "a.png"), cv2.resize(coarse, (448, 252)))
    camera = dict(img_path="a.png", cam2img=K.tolist())
    camera |= dict(lidar2cam=np.eye(4).tolist(), lidar2img=np.eye(4).tolist())
    infos = dict(metainfo={}, data_list=[dict(images=dict(CAM2=camera))])
    mmengine.dump(infos, folder / "infos.pkl")
    return folder


@pytest.fixture(scope="module")
def weights(checkpoint, folder):
    """The checkpoint as training writes it, with the names of the classes."""
    path = folder / "trained.pth"
    content = torch.load(checkpoint) | dict(meta=dict(dataset_meta=dict(classes=CLASSES)))
    torch.save(content, path)
    return str(path)


@pytest.fixture(scope="module")
def inferencer(repo_dir, weights):
    return MonoDet3DInferencer(str(repo_dir / CONFIG), weights, device="cpu")


def test_same_boxes_as_our_detector(repo_dir, inferencer, weights, folder):
    torch.manual_seed(0)  # of Detector3D
    given = dict(img=str(folder / "a.png"), infos=str(folder / "infos.pkl"))
    (theirs,) = inferencer(given, out_dir=str(folder / "out"))["predictions"]
    image = cv2.imread(str(folder / "a.png"))
    ours = Detector3D(str(repo_dir / CONFIG), weights, score_thr=0.0)(image, K).result.objects
    assert len(ours) > 3
    boxes = np.array(theirs["bboxes_3d"])
    centers = boxes[:, :3] - np.array([0, 0.5, 0]) * boxes[:, 4:5]  # theirs lie in the bottom
    # the same computation on the same machine, written with seven digits here and there
    np.testing.assert_allclose(centers, [item.translation for item in ours], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(theirs["scores_3d"], [item.score for item in ours], atol=1e-5)
    assert [CLASSES[label] for label in theirs["labels_3d"]] == [item.label for item in ours]
    picture = cv2.imread(str(folder / "out/vis_camera/CAM2/a.png"))
    assert picture.shape == (2 * 252, 2 * (448 + 252), 3)
    assert json.loads((folder / "out/preds/a.json").read_text())["box_type_3d"] == "Camera"


def test_arrays_are_taken_and_missing_files_are_said(inferencer, folder):
    image = cv2.imread(str(folder / "a.png"))
    given = dict(img=image, cam2img=K)
    packed = inferencer.pipeline(dict(given))
    assert packed["data_samples"].cam_intrinsic.shape == (3, 3)
    assert given["img"] is image
    with pytest.raises(DatasetError, match=r"b\.png: image is missing"):
        inferencer.pipeline(dict(img=str(folder / "b.png"), cam2img=K))
    with pytest.raises(TypeError, match="img is int"):
        inferencer.pipeline(dict(img=3, cam2img=K))
