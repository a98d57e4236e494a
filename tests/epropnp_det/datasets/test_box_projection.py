"""2D boxes and truncation, against polygon clipping by hand, dense sampling and mmdet3d."""

import pickle

import numpy as np
import pytest
from nuscenes.utils.geometry_utils import BoxVisibility

from epropnp_data.geometry.boxes import box_corners, yaw_to_nuscenes_rotation
from epropnp_data.geometry.camera import clip_edges, project_points
from epropnp_det.datasets.box_projection import annotation_box, truncation
from epropnp_det.datasets.camera_annotations import load_side_file, side_file_of
from nuscenes_data import load_tables

INTRINSIC = np.array([[100.0, 0, 80], [0, 100.0, 45], [0, 0, 1]])
SIZE = (160, 90)


def corners(center, sizes_lwh=(4.0, 2.0, 1.5), yaw=0.4):
    rotation = yaw_to_nuscenes_rotation(np.array([yaw]))
    return box_corners(np.array([center]), np.array([sizes_lwh]), rotation)[0]


def dense_box(corners_cam):
    """Bounds of the projections inside the image of a fine lattice on the box's surface."""
    steps = np.linspace(0, 1, 161)
    first, second = (grid.ravel() for grid in np.meshgrid(steps, steps))
    faces = []
    axes = corners_cam[[4, 2, 1]] - corners_cam[0]
    for axis in range(3):
        for value in (0.0, 1.0):
            shares = np.insert(np.column_stack([first, second]), axis, value, axis=1)
            faces.append(corners_cam[0] + shares @ axes)
    points = np.concatenate(faces)
    pixels = project_points(points[points[:, 2] >= 0.1], INTRINSIC)
    inside = ((pixels >= 0) & (pixels <= SIZE)).all(axis=1)
    return np.concatenate([pixels[inside].min(0), pixels[inside].max(0)])


@pytest.mark.parametrize(
    "center",
    [(0.0, 0.5, 15.0), (-9.0, 0.5, 11.0), (8.0, -4.0, 9.0), (3.0, 0.8, 2.2), (-2.0, 0.5, 1.5)],
)
def test_annotation_box_bounds_what_the_image_shows(center):
    box = annotation_box(corners(center), INTRINSIC, SIZE)
    np.testing.assert_allclose(box, dense_box(corners(center)), atol=1.0)


def test_box_is_tighter_than_clipped_bounds_when_a_corner_is_outside():
    cam = corners((-9.0, 0.5, 11.0), yaw=0.9)
    pixels = project_points(cam, INTRINSIC)
    clipped = np.clip(np.concatenate([pixels.min(0), pixels.max(0)]), 0, [*SIZE, *SIZE])
    box = annotation_box(cam, INTRINSIC, SIZE)
    assert (box[:2] >= clipped[:2] - 1e-9).all()
    assert (box[2:] <= clipped[2:] + 1e-9).all()
    assert np.abs(box - clipped).max() > 0.5


def test_boxes_that_show_nothing_have_no_box():
    assert annotation_box(corners((0, 0, -5.0)), INTRINSIC, SIZE) is None  # behind
    assert annotation_box(corners((40.0, 0, 10.0)), INTRINSIC, SIZE) is None  # beside
    # near the upper right corner of the image: bounds overlap it, the hull does not
    cam = corners((9.4, -5.2, 10.0), sizes_lwh=(6.0, 0.01, 0.01), yaw=0.0)
    tilted = cam + np.where(cam[:, :1] > 9.4, [[0.0, 2.6, 0.0]], [[0.0, -2.6, 0.0]])
    assert annotation_box(tilted, INTRINSIC, SIZE) is None


def test_edge_contact_is_a_miss():
    """A flat box whose projection touches the right border in a line covers no area."""
    depth, right = 10.0, 8.0  # u = 80 + 100 * 8 / 10 = 160
    cam = corners((right + 1.0, 0.0, depth), sizes_lwh=(2.0, 1e-9, 1.0), yaw=0.0)
    assert annotation_box(cam, INTRINSIC, SIZE) is None


def test_near_plane_cuts_edges():
    cam = corners((0.0, 0.5, 0.5))
    points = clip_edges(cam).reshape(-1, 3)
    assert points[:, 2].min() == pytest.approx(0.1)
    front = cam[cam[:, 2] >= 0.1]
    np.testing.assert_array_equal(
        np.unique(points[points[:, 2] > 0.1], axis=0), np.unique(front, axis=0)
    )
    # each added point lies on the plane and inside the box
    local = (points - cam.mean(0)) @ yaw_to_nuscenes_rotation(np.array([0.4]))[0]
    assert (np.abs(local) <= np.array([2.0, 1.0, 0.75]) + 1e-9).all()


def test_truncation_counts_the_lattice():
    centers = np.array([(0.0, 0.5, 15.0), (-9.0, 0.5, 11.0), (0.0, 0.0, -4.0), (1.0, 0.4, 1.2)])
    sizes = np.tile([4.0, 2.0, 1.5], (4, 1))
    rotations = yaw_to_nuscenes_rotation(np.array([0.4, -1.0, 2.0, 0.1]))
    result = truncation(box_corners(centers, sizes, rotations), INTRINSIC, SIZE)
    for value, center, rotation in zip(result, centers, rotations, strict=True):
        inside = 0
        for x in np.linspace(-2, 2, 10):
            for y in np.linspace(-1, 1, 10):
                for z in np.linspace(-0.75, 0.75, 10):
                    point = rotation @ [x, y, z] + center
                    u, v, w = INTRINSIC @ point
                    inside += w > 0 and 0 < u / w < SIZE[0] and 0 < v / w < SIZE[1]
        assert value == pytest.approx(1 - inside / 1000, abs=1e-12)
    assert result[0] == 0
    assert 0 < result[1] < 1
    assert result[2] == 1


def test_no_boxes():
    assert truncation(np.zeros((0, 8, 3)), INTRINSIC, SIZE).shape == (0,)


def test_boxes_agree_with_mmdet3d_where_nothing_crosses_the_near_plane(nuscenes_root):
    """mmdet3d drops corners behind the camera instead of cutting edges; elsewhere it is equal."""
    nusc = load_tables(nuscenes_root)
    compared = 0
    for split in ("train", "val"):
        info_file = nuscenes_root / f"nuscenes_infos_{split}.pkl"
        side = load_side_file(side_file_of(info_file), nuscenes_root)
        with info_file.open("rb") as file:
            frames = pickle.load(file)["data_list"]
        for frame in frames:
            for name, image in frame["images"].items():
                mine = side[image["sample_data_token"]]
                _, boxes, _ = nusc.get_sample_data(image["sample_data_token"], BoxVisibility.NONE)
                in_front = {
                    tuple(np.round(b.center, 3)) for b in boxes if (b.corners()[2] > 0.1).all()
                }
                theirs = frame["cam_instances"][name]
                for row, center in enumerate(mine.centers):
                    if tuple(np.round(center.astype(float), 3)) not in in_front:
                        continue
                    distance = [np.abs(center - t["bbox_3d"][:3]).max() for t in theirs]
                    match = theirs[int(np.argmin(distance))]
                    assert min(distance) < 1e-3
                    np.testing.assert_allclose(mine.bboxes[row], match["bbox"], atol=2e-3)
                    compared += 1
    assert compared > 50


def test_side_file_boxes_are_the_devkits(nuscenes_root):
    """Centres and rotations, moved to the camera by the devkit instead."""
    nusc = load_tables(nuscenes_root)
    side = load_side_file(side_file_of(nuscenes_root / "nuscenes_infos_val.pkl"), nuscenes_root)
    checked = 0
    for token, mine in side.items():
        _, boxes, _ = nusc.get_sample_data(token, BoxVisibility.NONE)
        record = nusc.get("sample_data", token)
        assert tuple(mine.size_wh) == (record["width"], record["height"])
        for row in range(len(mine)):
            distance = [np.linalg.norm(mine.centers[row] - box.center) for box in boxes]
            box = boxes[int(np.argmin(distance))]
            assert min(distance) < 1e-4
            np.testing.assert_allclose(mine.dims[row], box.wlh[[1, 2, 0]], rtol=1e-6)
            quaternion = mine.rotations[row] * np.sign(mine.rotations[row] @ box.orientation.q)
            np.testing.assert_allclose(quaternion, box.orientation.q, atol=1e-5)
            checked += 1
    assert checked > 20
