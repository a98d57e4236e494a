"""Bad BOP data: scenes, models, meshes, detections, results; what is said, what is left out."""

import json
import shutil

import cv2
import numpy as np
import pytest
import trimesh
from mmengine.registry import DATASETS, init_default_scope

import infer_poses
from epropnp_6dof.bop import read_detections, read_models_info, read_object_model, read_results
from epropnp_6dof.bop.errors import BOPError, BOPFileMissing
from epropnp_6dof.bop.scenes import read_scene, read_targets
from epropnp_6dof.datasets.coordinate_cache import CoordinateCache
from epropnp_6dof.datasets.selection import InstanceFilter, select_images
from epropnp_data.errors import DatasetError
from epropnp_data.geometry.rigid import RigidPose
from epropnp_mm.skipping import passed_over

NAN = float("nan")
IDENTITY = np.eye(3).ravel().tolist()
CAMERA = {"cam_K": [500, 0, 16, 0, 500, 12, 0, 0, 1], "depth_scale": 1.0}
TRUTH = {"cam_R_m2c": IDENTITY, "cam_t_m2c": [0, 0, 900], "obj_id": 1}
BOX = {"bbox_obj": [4, 4, 20, 16], "bbox_visib": [4, 4, 20, 16], "visib_fract": 1.0}
BOX_FIELDS = {f"min_{axis}": -50 for axis in "xyz"} | {f"size_{axis}": 100 for axis in "xyz"}
MODEL = {"diameter": 173.2} | BOX_FIELDS


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope("mmdet3d")


@pytest.fixture
def root(tmp_path):
    """Data set of one scene with two images of one object, a cube of 10 cm."""
    scene = tmp_path / "train" / "000001"
    (scene / "rgb").mkdir(parents=True)
    (scene / "mask_visib").mkdir()
    for im_id in (0, 1):
        cv2.imwrite(str(scene / "rgb" / f"{im_id:06d}.png"), np.zeros((24, 32, 3), np.uint8))
        cv2.imwrite(
            str(scene / "mask_visib" / f"{im_id:06d}_000000.png"), np.full((24, 32), 255, np.uint8)
        )
    write(scene / "scene_camera.json", {"0": CAMERA, "1": CAMERA})
    write(scene / "scene_gt.json", {"0": [TRUTH], "1": [TRUTH]})
    write(scene / "scene_gt_info.json", {"0": [BOX], "1": [BOX]})
    (tmp_path / "models").mkdir()
    write(tmp_path / "models" / "models_info.json", {"1": MODEL})
    trimesh.creation.box((100, 100, 100)).export(tmp_path / "models" / "obj_000001.ply")
    return tmp_path


def write(path, content):
    path.write_text(json.dumps(content))


def build(root, **options):
    steps = [dict(type="LoadBOPImage"), dict(type="LoadObjectCoordinates")]
    steps += [dict(type="CropObject", input_size=16, output_size=8), dict(type="PackPoseInputs")]
    if "detections" in options:
        del steps[1]
    return DATASETS.build(
        dict(type="BOPDataset", data_root=str(root), split="train", pipeline=steps, **options)
    )


def changed(entry, **fields):
    return {key: value for key, value in {**entry, **fields}.items() if value is not ...}


CAMERAS = {
    "NaN": (changed(CAMERA, cam_K=[NAN] * 9), "cam_K is .*expected 9 finite numbers"),
    "8 numbers": (changed(CAMERA, cam_K=[1] * 8), "cam_K is .*expected 9 finite numbers"),
    "text": (changed(CAMERA, cam_K="K"), "cam_K is 'K', expected 9 numbers"),
    "singular": (changed(CAMERA, cam_K=[0] * 9), "cam_K needs positive focal lengths"),
    "swapped rows": (changed(CAMERA, cam_K=CAMERA["cam_K"][::-1]), "cam_K needs positive focal"),
    "absent": (changed(CAMERA, cam_K=...), "lacks 'cam_K'"),
    "depth scale": (changed(CAMERA, depth_scale=None), "depth_scale is None"),
    "no entry": (None, "object"),
}
TRUTHS = {
    "rotation zero": (changed(TRUTH, cam_R_m2c=[0] * 9), "cam_R_m2c is no rotation"),
    "rotation mirrored": (changed(TRUTH, cam_R_m2c=[-1, 0, 0, 0, 1, 0, 0, 0, 1]), "is no rotation"),
    "rotation NaN": (changed(TRUTH, cam_R_m2c=[NAN] * 9), "expected 9 finite numbers"),
    "rotation as quaternion": (changed(TRUTH, cam_R_m2c=[1, 0, 0, 0]), "expected 9 finite numbers"),
    "translation infinite": (changed(TRUTH, cam_t_m2c=[0, 0, float("inf")]), "expected 3 finite"),
    "no translation": (changed(TRUTH, cam_t_m2c=...), "lacks 'cam_t_m2c'"),
    "object as text": (changed(TRUTH, obj_id="ape"), "obj_id is 'ape', expected a whole number"),
    "no object": (changed(TRUTH, obj_id=...), "lacks 'obj_id'"),
}


@pytest.mark.parametrize("kind", CAMERAS)
def test_cameras(root, kind):
    entry, message = CAMERAS[kind]
    write(root / "train/000001/scene_camera.json", {"0": CAMERA, "1": entry})
    with pytest.raises(BOPError, match=rf"scene_camera\.json: image 1: .*{message}"):
        build(root)


@pytest.mark.parametrize("kind", TRUTHS)
def test_true_poses(root, kind):
    entry, message = TRUTHS[kind]
    write(root / "train/000001/scene_gt.json", {"0": [TRUTH], "1": [entry]})
    with pytest.raises(BOPError, match=rf"000001: scene_gt\.json .*image 1, entry 0: .*{message}"):
        build(root)


LEFT_OUT = {
    "behind the camera": (changed(TRUTH, cam_t_m2c=[0, 0, -900]), BOX, "behind the camera"),
    "in metres": (changed(TRUTH, cam_t_m2c=[0, 0, 0.9]), BOX, r"\(cam_t_m2c in metres\?\)"),
    "box of no extent": (TRUTH, changed(BOX, bbox_obj=[4, 4, 0, 0]), "bbox_obj has no extent"),
    "no box": (TRUTH, {}, "bbox_obj has no extent"),
    "invisible": (TRUTH, changed(BOX, visib_fract=0.0), "that the selection refuses"),
}


@pytest.mark.parametrize("kind", LEFT_OUT)
def test_annotations_that_are_left_out_and_counted(root, kind):
    truth, info, reason = LEFT_OUT[kind]
    scene = root / "train/000001"
    write(scene / "scene_gt.json", {"0": [TRUTH], "1": [truth]})
    write(scene / "scene_gt_info.json", {"0": [BOX], "1": [info]})
    dataset = build(root)
    assert [dataset.get_data_info(i)["im_id"] for i in range(len(dataset))] == [0]
    assert dict(dataset._left_out).popitem()[1] == 1
    write(scene / "scene_gt.json", {"0": [truth], "1": [truth]})
    write(scene / "scene_gt_info.json", {"0": [info], "1": [info]})
    with pytest.raises(DatasetError, match=rf"train .*no object is left to cut out: 2 .*{reason}"):
        build(root)


def test_images_that_are_not_on_disk_are_counted(root):
    (root / "train/000001/rgb/000001.png").unlink()
    assert dict(build(root)._left_out) == {"images that are not on disk": 1}
    (root / "train/000001/rgb/000000.png").unlink()
    with pytest.raises(BOPFileMissing, match="000001: no image named by scene_camera.json"):
        build(root)


FILES = ("scene_camera.json", "scene_gt.json", "scene_gt_info.json")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("data", [b"", b'{"0": ', b"[]", b"\xff\xfe", b"[" * 100_000])
def test_damaged_scene_files(root, name, data):
    (root / "train/000001" / name).write_bytes(data)
    with pytest.raises(BOPError, match=rf"{name}: (not a JSON file|expected a dict of entries)"):
        build(root)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"image_id": 0, "bbox": [1, 2, 9, 8]}, "has no category_id"),
        ({"category_id": 1, "bbox": [1, 2, 9, 8]}, "neither image nor image_id"),
        ({"image": "000000.png", "category_id": 1, "bbox": [1, 2, 0, 8]}, "have to be above zero"),
        ({"image": "000000.png", "category_id": 1, "bbox": "all"}, "bbox is 'all'"),
        (3, "is 3, expected the fields"),
    ],
)
def test_boxes_for_own_images(root, monkeypatch, entry, message):
    write(root / "boxes.json", [entry])
    folder = root / "train/000001/rgb"
    words = ["infer_poses", folder, "--intrinsics", 500, 500, 16, 12, "--config", "c"]
    words += ["--checkpoint", "k", "--models-dir", root / "models", "--detections"]
    monkeypatch.setattr("sys.argv", [str(word) for word in [*words, root / "boxes.json"]])
    with pytest.raises(SystemExit, match=rf"infer_poses: .*entry 0 .*{message}"):
        infer_poses.main()


def test_missing_folders(root):
    with pytest.raises(BOPFileMissing, match="scene_camera.json: not found"):
        read_scene(root)
    shutil.move(root / "train/000001", root / "train/first")
    with pytest.raises(BOPError, match="first: a scene folder is named by its number"):
        build(root)


MODELS = {
    "in metres": (changed(MODEL, diameter=0.1732), "diameter 0.1732, which looks like metres"),
    "diameter NaN": (changed(MODEL, diameter=NAN), "diameter is nan, expected 1 finite"),
    "diameter text": (changed(MODEL, diameter="big"), "diameter is 'big', expected 1 numbers"),
    "no diameter": (changed(MODEL, diameter=...), "lacks diameter"),
    "size negative": (changed(MODEL, size_x=-1), r"has the size \[-1"),
    "size in another unit": (changed(MODEL, size_x=100_000), "has the size .* the diameter"),
    "turn that is none": (
        changed(MODEL, symmetries_discrete=[[2.0] * 16]),
        "symmetries_discrete is no rotation",
    ),
    "turn of 9 numbers": (
        changed(MODEL, symmetries_discrete=[IDENTITY]),
        "symmetries_discrete is .*expected 16",
    ),
    "axis zero": (
        changed(MODEL, symmetries_continuous=[{"axis": [0, 0, 0], "offset": [0, 0, 0]}]),
        "axis of symmetries_continuous is zero",
    ),
    "axis without offset": (
        changed(MODEL, symmetries_continuous=[{"axis": [0, 0, 1]}]),
        "has a symmetry without 'offset'",
    ),
    "no entry": (None, "object 1"),
}


@pytest.mark.parametrize("kind", MODELS)
def test_models(root, kind):
    entry, message = MODELS[kind]
    write(root / "models/models_info.json", {"1": entry})
    with pytest.raises(BOPError, match=rf"models_info\.json: object 1 .*{message}|object 1"):
        build(root)


def test_missing_models(root):
    write(root / "models/models_info.json", {"2": MODEL})
    with pytest.raises(BOPError, match=r"000000\.png: object 1 is not in models_info\.json"):
        build(root)
    (root / "models/models_info.json").unlink()
    with pytest.raises(BOPFileMissing, match=r"models_info\.json: not found"):
        build(root)


PLY = b"ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\n"
PLY += b"property float z\nelement face 1\nproperty list uchar int vertex_indices\nend_header\n"
MESHES = {
    "empty": (b"", "not a readable mesh"),
    "text": (b"no mesh", "not a readable mesh"),
    "header alone": (PLY, "not a readable mesh|no faces"),
    "vertex NaN": (PLY + b"nan 0 0\n100 0 0\n0 100 0\n3 0 1 2\n", "vertices that are not finite"),
    "vertex that is not there": (PLY + b"0 0 0\n100 0 0\n0 100 0\n3 0 1 9\n", "not there|readable"),
    "in metres": (PLY + b"0 0 0\n0.1 0 0\n0 0.1 0\n3 0 1 2\n", "longest side is 0.1, that in mod"),
}


@pytest.mark.parametrize("kind", MESHES)
def test_meshes(root, kind):
    data, message = MESHES[kind]
    (root / "models/obj_000001.ply").write_bytes(data)
    with pytest.raises(BOPError, match=rf"obj_000001\.ply: .*({message})"):
        read_object_model(root / "models", 1)


DETECTION = {"scene_id": 1, "image_id": 0, "category_id": 1, "bbox": [1, 2, 9, 8], "score": 0.5}
DETECTIONS = {
    "no list": ({}, "expected a list of entries, got dict"),
    "no entries": ([], "none of its 0 images is in train"),
    "other images": ([changed(DETECTION, image_id=77)], "none of its 1 images is in train"),
    "number for an entry": ([7], "entry 0 is 7, expected the fields of a detection"),
    "no box": ([changed(DETECTION, bbox=...)], "entry 0 lacks bbox"),
    "box NaN": ([changed(DETECTION, bbox=[NAN, 0, 1, 1])], "entry 0 bbox is .*4 finite"),
    "box of 3 numbers": ([changed(DETECTION, bbox=[0, 1, 1])], "entry 0 bbox is .*4 finite"),
    "box of no width": ([changed(DETECTION, bbox=[0, 0, 0, 1])], "width and height have to be"),
    "box of two corners": ([changed(DETECTION, bbox=[9, 9, -3, -3])], "width and height have to"),
    "score text": ([changed(DETECTION, score="high")], "score is 'high'"),
    "score NaN": ([changed(DETECTION, score=NAN)], "score is nan"),
    "object as text": ([changed(DETECTION, category_id="1")], "category_id is '1'"),
    "image negative": ([changed(DETECTION, image_id=-1)], "image_id is -1"),
    "unknown object": ([changed(DETECTION, category_id=9)], "1 detections of objects that are not"),
}


@pytest.mark.parametrize("kind", DETECTIONS)
def test_detections(root, kind):
    content, message = DETECTIONS[kind]
    write(root / "found.json", content)
    with pytest.raises(DatasetError, match=message):
        build(root, detections="found.json")


def test_detections_that_are_left_out_are_counted(root):
    entries = [DETECTION, changed(DETECTION, image_id=5), changed(DETECTION, category_id=3)]
    write(root / "found.json", entries)
    assert dict(build(root, detections="found.json")._left_out) == {
        "detections in other images": 1,
        "detections of objects that are not in models_info.json": 1,
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([{"scene_id": 1, "im_id": 0, "obj_id": 1}], "entry 0: lacks 'inst_count'"),
        ([{"scene_id": 1, "im_id": 0, "obj_id": 1, "inst_count": -1}], "inst_count is -1"),
        ([3], "entry 0"),
        ({}, "expected a list"),
    ],
)
def test_targets(root, content, message):
    write(root / "targets.json", content)
    with pytest.raises(BOPError, match=rf"targets\.json: .*{message}"):
        read_targets(root / "targets.json")


@pytest.mark.parametrize("content", [{"1": [99]}, {"1": ["x"]}, {"one": [0]}, [0], {"1": 0}])
def test_image_lists(root, content):
    write(root / "part.json", content)
    with pytest.raises(BOPError, match=r"part\.json: "):
        select_images(root, "train", InstanceFilter(image_file="part.json"))


HEADER = "scene_id,im_id,obj_id,score,R,t,time\n"
TURN = "1 0 0 0 1 0 0 0 1"
CSV = {
    "empty": ("", "is empty, expected the columns"),
    "other columns": ("a,b\n1,2\n", "columns are .'a', 'b'., expected"),
    "short line": (f"{HEADER}1,2,3\n", ":2: a line needs 7 columns"),
    "long line": (f"{HEADER}1,2,3,1,{TURN},0 0 1,1,9\n", ":2: a line needs 7 columns"),
    "rotation NaN": (f"{HEADER}1,2,3,1,nan{TURN[1:]},0 0 1,1\n", ":2: R is .*9 finite"),
    "rotation zero": (f"{HEADER}1,2,3,1,0{TURN[1:]},0 0 1,1\n", ":2: R is no rotation"),
    "rotation row by row": (f"{HEADER}1,2,3,1,1 0 0,0 0 1,1\n", ":2: R: 3 numbers, expected 9"),
    "translation infinite": (f"{HEADER}1,2,3,1,{TURN},0 0 inf,1\n", ":2: t is .*3 finite"),
    "score NaN": (f"{HEADER}1,2,3,nan,{TURN},0 0 1,1\n", ":2: score is nan"),
    "image text": (f"{HEADER}1,x,3,1,{TURN},0 0 1,1\n", ":2: .*'x'"),
    "binary": ("\udcff\udcfe", "not a CSV file"),
}


@pytest.mark.parametrize("kind", CSV)
def test_results(root, kind):
    text, message = CSV[kind]
    (root / "x.csv").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(BOPError, match=rf"x\.csv.*({message})"):
        read_results(root / "x.csv")


def test_missing_files(root):
    for read in (read_results, read_detections, read_targets):
        with pytest.raises(BOPFileMissing, match=r"gone: (not found|no such)"):
            read(root / "gone")
    with pytest.raises(FileNotFoundError):  # who expects the usual error gets it
        read_models_info(root)


SAMPLES = {
    "image": ("rgb/000000.png", b"", r"000000\.png", "the file is empty"),
    "mask": ("mask_visib/000000_000000.png", b"x", r"000000_000000\.png", "not a readable image"),
    "mask of another size": (
        "mask_visib/000000_000000.png",
        cv2.imencode(".png", np.zeros((9, 9), np.uint8))[1].tobytes(),
        r"000000_000000\.png",
        "mask is 9x9, its image 32x24",
    ),
}


@pytest.mark.parametrize("kind", SAMPLES)
def test_samples_that_are_passed_over(root, kind):
    name, data, file, reason = SAMPLES[kind]
    (root / "train/000001" / name).write_bytes(data)
    sample = build(root)[0]["data_samples"]
    assert sample.im_id == 1
    ((source, said),) = passed_over({"data_samples": [sample]})
    assert source.endswith(file.replace("\\", ""))
    assert reason in said


def test_a_damaged_coordinate_map_is_rendered_again(root):
    maps = CoordinateCache(root / "models", root / "maps")
    pose = RigidPose(np.eye(3), np.array([0, 0, 0.9]))
    arguments = ("a", 1, pose, np.reshape(CAMERA["cam_K"], (3, 3)).astype(float), (24, 32))
    first = maps.get(*arguments)
    path = root / "maps" / "a.npz"
    whole = path.read_bytes()
    for data in (b"", whole[: len(whole) // 2], b"PK\x03\x04" + bytes(100)):
        path.write_bytes(data)
        np.testing.assert_array_equal(maps.get(*arguments).hit, first.hit)
        np.testing.assert_array_equal(maps.get(*arguments).hit, first.hit)
