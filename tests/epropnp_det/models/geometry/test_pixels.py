import numpy as np
import pytest
import torch

from epropnp_det.models.geometry.pixels import batch_geometry, to_original_pixels

META = dict(
    cam_intrinsic=np.array([[500.0, 0, 320], [0, 510, 180], [0, 0, 1]]),
    img_transform=np.array([[-0.5, 0, 320], [0, 0.5, -20], [0, 0, 1]]),
    img_shape=(160, 320),
    ori_shape=(360, 640, 3),
    flip=True,
)


def test_collects_metainfos():
    plain = dict(cam2img=np.eye(4) * 2, img_shape=(160, 320))
    geometry = batch_geometry([META, plain], (160, 320), "cpu")
    np.testing.assert_allclose(geometry.cam_intrinsics[0], META["cam_intrinsic"])
    np.testing.assert_allclose(geometry.img_transforms[0], META["img_transform"])
    assert geometry.ori_shapes.tolist() == [[360, 640], [160, 320]]
    assert geometry.flips.tolist() == [True, False]
    # a foreign data sample is taken as not augmented
    np.testing.assert_allclose(geometry.cam_intrinsics[1], 2 * np.eye(3))
    np.testing.assert_allclose(geometry.img_transforms[1], np.eye(3))
    assert geometry.cam_intrinsics.dtype == torch.float32


def test_shifts_principal_points_only():
    shifted = batch_geometry([META], (160, 320), "cpu", principal_point_shift=0.5)
    expected = META["cam_intrinsic"] + [[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]]
    np.testing.assert_allclose(shifted.cam_intrinsics[0], expected)
    assert META["cam_intrinsic"][0, 2] == 320  # the data sample is left alone


def test_missing_camera_is_named():
    with pytest.raises(KeyError, match=r"image_7.*cam_intrinsic"):
        batch_geometry([dict(img_path="image_7", img_shape=(4, 4))], (4, 4), "cpu")


def test_points_go_back_through_any_homography():
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(3, 20, 2, generator=generator, dtype=torch.float64) * 300
    transforms = torch.eye(3).double() + 0.1 * torch.randn(
        3, 3, 3, generator=generator, dtype=torch.float64
    )
    transforms[:, 2, :2] *= 1e-3
    homogeneous = torch.cat((points, torch.ones(3, 20, 1)), dim=-1) @ transforms.mT
    augmented = homogeneous[..., :2] / homogeneous[..., 2:]
    torch.testing.assert_close(to_original_pixels(augmented, transforms), points)


@pytest.mark.parametrize(
    "changed",
    [
        dict(img_transform=np.eye(3)),  # RandomFlip3D after LoadMonoImage
        dict(flip=False),
        dict(scale_factor=(1.0, 1.0)),
        dict(scale_factor=np.array([0.5, 0.25, 0.5, 0.25])),  # Resize of older mmdet
    ],
)
def test_pixels_that_moved_unseen_are_refused(changed):
    told = {**META, "img_path": "image_7", "scale_factor": (0.5, 0.5)}
    assert batch_geometry([told], (160, 320), "cpu").flips.all()
    with pytest.raises(ValueError, match=r"image_7: flip.*RandomFlip3D, Resize.*MonoFlip"):
        batch_geometry([told | changed], (160, 320), "cpu")


@pytest.mark.parametrize("foreign", [dict(flip=True), dict(scale_factor=(0.5, 0.5))])
def test_a_foreign_pipeline_that_moves_pixels_is_refused(foreign):
    plain = dict(cam2img=np.eye(4), img_shape=(160, 320))
    with pytest.raises(ValueError, match="img_transform"):
        batch_geometry([plain | foreign], (160, 320), "cpu")
