"""The generated data set against its own geometry, computed another way."""

import json

import cv2
import numpy as np
import pytest
import trimesh

from epropnp_synth.bop import SyntheticBOPSettings, build_object, generate_bop
from synthetic_bop import make_bop

OBJECTS = ("house", "bird", "bracket", "can", "brick")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return make_bop(tmp_path_factory.mktemp("bop") / "synth", OBJECTS, num_train=2, num_test=1)


def read_view(root, split, scene, im_id):
    folder = root / split / scene
    load = {
        name: json.loads((folder / f"{name}.json").read_text())[str(im_id)]
        for name in ("scene_camera", "scene_gt", "scene_gt_info")
    }
    depth = cv2.imread(str(folder / "depth" / f"{im_id:06d}.png"), cv2.IMREAD_UNCHANGED)
    return folder, load["scene_camera"], load["scene_gt"], load["scene_gt_info"], depth


def test_depth_of_visible_pixels_lies_on_the_posed_mesh(root):
    folder, camera, truths, _, depth = read_view(root, "train", "000001", 1)
    cam_mat = np.reshape(camera["cam_K"], (3, 3))
    millimetres = depth * camera["depth_scale"]
    for index, truth in enumerate(truths):
        mask = cv2.imread(str(folder / "mask_visib" / f"000001_{index:06d}.png"), 0) > 0
        v, u = np.nonzero(mask)
        rays = np.stack((u, v, np.ones_like(u)), 1) @ np.linalg.inv(cam_mat).T
        points_cam = rays * millimetres[mask][:, None]
        rotation = np.reshape(truth["cam_R_m2c"], (3, 3))
        points_obj = (points_cam - truth["cam_t_m2c"]) @ rotation
        mesh = trimesh.load(root / "models" / f"obj_{truth['obj_id']:06d}.ply", process=False)
        distance = point_to_triangles(points_obj[::20], mesh.triangles)
        assert distance.max() < 0.15, truth["obj_id"]  # depth is rounded to 0.1 mm


def point_to_triangles(points, triangles):
    """Distance of each point to the nearest of all triangles."""
    best = np.full(len(points), np.inf)
    for index, point in enumerate(points):
        nearest = trimesh.triangles.closest_point(
            triangles, np.broadcast_to(point, (len(triangles), 3))
        )
        best[index] = np.linalg.norm(nearest - point, axis=1).min()
    return best


def test_silhouette_is_the_filled_projection_of_a_convex_object(root):
    folder, camera, truths, _, _ = read_view(root, "train", "000001", 0)
    index = next(i for i, t in enumerate(truths) if OBJECTS[t["obj_id"] - 1] == "brick")
    mesh = trimesh.load(root / "models" / f"obj_{truths[index]['obj_id']:06d}.ply", process=False)
    points = mesh.vertices @ np.reshape(truths[index]["cam_R_m2c"], (3, 3)).T
    points = (points + truths[index]["cam_t_m2c"]) @ np.reshape(camera["cam_K"], (3, 3)).T
    hull = cv2.convexHull((points[:, :2] / points[:, 2:]).astype(np.float32))
    mask = cv2.imread(str(folder / "mask" / f"000000_{index:06d}.png"), 0) > 0
    signed = np.array(
        [
            [cv2.pointPolygonTest(hull, (float(u), float(v)), True) for u in range(mask.shape[1])]
            for v in range(mask.shape[0])
        ]
    )
    assert mask[signed > 0.01].all()
    assert not mask[signed < -0.01].any()


def test_visible_parts_do_not_overlap_and_boxes_bound_them(root):
    folder, _, truths, infos, depth = read_view(root, "test", "000002", 0)
    masks = [
        cv2.imread(str(folder / "mask_visib" / f"000000_{i:06d}.png"), 0) > 0
        for i in range(len(truths))
    ]
    assert np.sum(masks, axis=0).max() == 1
    np.testing.assert_array_equal(np.any(masks, axis=0), depth > 0)
    for mask, info in zip(masks, infos, strict=True):
        if mask.any():
            assert tuple(info["bbox_visib"]) == cv2.boundingRect(mask.astype(np.uint8))
            assert info["px_count_visib"] == mask.sum()


@pytest.mark.parametrize("name", ["can", "brick"])
def test_symmetry_leaves_shape_and_colours_unchanged(name):
    obj = build_object(name, seed=3)
    points = obj.mesh.sample(500, seed=0)
    angle = 1.234 if "symmetries_continuous" in obj.symmetries else np.pi
    turn = trimesh.transformations.rotation_matrix(angle, (0, 0, 1))[:3, :3]
    np.testing.assert_allclose(obj.color(points @ turn.T), obj.color(points), atol=1e-9)
    moved = point_to_triangles(points @ turn.T, obj.triangles)
    assert moved.max() < 1e-4  # facets of the cylinder
    other = trimesh.transformations.rotation_matrix(np.pi / 2, (1, 0, 0))[:3, :3]
    assert np.abs(obj.color(points @ other.T) - obj.color(points)).max() > 0.1


def test_same_settings_are_reused_and_others_refused(root):
    settings = SyntheticBOPSettings(objects=OBJECTS, num_train=2, num_test=1)
    assert generate_bop(root, settings) is False
    with pytest.raises(FileExistsError, match="other settings .*objects"):
        generate_bop(root, SyntheticBOPSettings(objects=("can",), num_train=1, num_test=1))


def test_seed_decides_every_pixel(tmp_path):
    images = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        made = make_bop(tmp_path / name, ("bird",), num_train=1, num_test=0, seed=seed)
        images.append(cv2.imread(str(made / "train" / "000001" / "rgb" / "000000.png")))
    np.testing.assert_array_equal(images[0], images[1])
    assert (images[0] != images[2]).mean() > 0.5


def test_unknown_object_lists_the_known_ones():
    with pytest.raises(ValueError, match="bracket"):
        build_object("teapot", seed=0)
