"""Rendered coordinates against poses and masks of another renderer; the cache."""

import cv2
import numpy as np
import pytest

from epropnp_6dof.bop import read_object_model, read_scene
from epropnp_6dof.datasets.coordinate_cache import CoordinateCache
from epropnp_6dof.datasets.raycast import MeshRaycaster
from epropnp_data.geometry.camera import project_points
from epropnp_data.geometry.rigid import RigidPose


@pytest.fixture(scope="module")
def image(bop_root):
    return read_scene(bop_root / "train" / "000001")[0]


def render(bop_root, image, instance):
    model = read_object_model(bop_root / "models", instance.obj_id)
    caster = MeshRaycaster(model.vertices, model.faces)
    return caster.render(instance.pose, image.cam_mat, (240, 320), pixel_center=0.0)


def test_every_coordinate_projects_to_its_own_pixel(bop_root, image):
    for instance in image.instances:
        coords, mask = render(bop_root, image, instance).paste((240, 320))
        v, u = np.nonzero(mask)
        uv = project_points(instance.pose.apply(coords[mask].astype(float)), image.cam_mat)
        np.testing.assert_allclose(uv, np.stack((u, v), 1), atol=2e-3)


def test_silhouette_is_that_of_the_generator(bop_root, image):
    for instance in image.instances:
        _, mask = render(bop_root, image, instance).paste((240, 320))
        path = bop_root / "train" / "000001" / "mask" / f"000000_{instance.gt_index:06d}.png"
        assert (mask != (cv2.imread(str(path), 0) > 0)).sum() <= 2  # rays along edges


def test_object_behind_or_beside_the_camera_gives_an_empty_map(bop_root, image):
    instance = image.instances[0]
    beside = instance.pose._replace(translation=np.array([5.0, 0, 1]))
    behind = instance.pose._replace(translation=np.array([0, 0, -1.0]))
    model = read_object_model(bop_root / "models", instance.obj_id)
    caster = MeshRaycaster(model.vertices, model.faces)
    for pose in (beside, behind):
        coords, mask = caster.render(pose, image.cam_mat, (240, 320), 0.0).paste((240, 320))
        assert not mask.any()
        assert not coords.any()


def test_cache_returns_what_was_rendered_and_notices_another_pose(bop_root, image, tmp_path):
    instance = image.instances[1]
    cache = CoordinateCache(bop_root / "models", tmp_path)
    arguments = (instance.obj_id, instance.pose, image.cam_mat, (240, 320))
    first = cache.get("train/000001/0", *arguments)
    files = list(tmp_path.rglob("*.npz"))
    assert [path.name for path in files] == ["0.npz"]
    stored = CoordinateCache(bop_root / "models", tmp_path).get("train/000001/0", *arguments)
    np.testing.assert_array_equal(stored.hit, first.hit)
    np.testing.assert_array_equal(stored.coords, first.coords)  # a first epoch is like the others
    before = files[0].read_bytes()
    turned = RigidPose(instance.pose.rotation @ np.diag([-1.0, -1, 1]), instance.pose.translation)
    other = cache.get("train/000001/0", instance.obj_id, turned, image.cam_mat, (240, 320))
    fresh = CoordinateCache(bop_root / "models", None).get(
        "", instance.obj_id, turned, image.cam_mat, (240, 320)
    )
    np.testing.assert_allclose(other.coords, fresh.coords, atol=2e-6)  # 16 bit of 15 cm
    assert files[0].read_bytes() != before
