"""VSD on cases worked out by hand, and against a plain second implementation."""

import numpy as np
import pytest

from epropnp_6dof.metrics.vsd import vsd_errors

CAM_MAT = np.array([[50.0, 0, 10], [0, 60, 8], [0, 0, 1]])
TAUS = np.array([0.05, 0.2, 0.5])


def plain_vsd(est, gt, test, cam_mat, diameter, tau, delta):
    """Pixel by pixel, from the definition."""
    errors, union = 0.0, 0
    for v in range(gt.shape[0]):
        for u in range(gt.shape[1]):
            ray = np.linalg.inv(cam_mat) @ [u, v, 1]
            d_est, d_gt, d_test = (image[v, u] * np.linalg.norm(ray) for image in (est, gt, test))
            seen_gt = d_gt > 0 and (d_test == 0 or d_gt - d_test <= delta)
            seen_est = d_est > 0 and (d_test == 0 or d_est - d_test <= delta)
            seen_est = seen_est or (seen_gt and d_est > 0)
            if seen_gt or seen_est:
                union += 1
                same = seen_gt and seen_est and abs(d_est - d_gt) < tau * diameter
                errors += 0 if same else 1
    return errors / union if union else 1.0


def random_depths(rng):
    """Two overlapping rectangles of an object and a scene that covers parts of both."""
    est, gt = np.zeros((2, 16, 20))
    gt[3:12, 4:14] = 1 + 0.05 * rng.random((9, 10))
    est[5:14, 6:17] = 1 + 0.05 * rng.random((9, 11))
    test = np.where(rng.random(gt.shape) < 0.2, 0, 1.02 + 0.03 * rng.standard_normal(gt.shape))
    return est, gt, test


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_definition_pixel_by_pixel(seed):
    est, gt, test = random_depths(np.random.default_rng(seed))
    found = vsd_errors(est, gt, test, CAM_MAT, 0.1, TAUS, 0.015)
    expected = [plain_vsd(est, gt, test, CAM_MAT, 0.1, tau, 0.015) for tau in TAUS]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found[0] > found[2] > 0


def test_the_true_pose_has_no_error_and_a_missed_one_error_one():
    _, gt, test = random_depths(np.random.default_rng(0))
    np.testing.assert_array_equal(vsd_errors(gt, gt, test, CAM_MAT, 0.1, TAUS), 0)
    np.testing.assert_array_equal(vsd_errors(0 * gt, gt, test, CAM_MAT, 0.1, TAUS), 1)


def test_hidden_parts_do_not_count():
    gt = np.zeros((16, 20))
    gt[4:12, 4:12] = 1.0
    est = gt.copy()
    est[:, 8:] = 0
    wall = np.where(np.arange(20) >= 8, 0.5, 1.0) * np.ones((16, 1))
    assert vsd_errors(est, gt, np.ones_like(gt), CAM_MAT, 0.1, TAUS)[0] == pytest.approx(0.5)
    assert vsd_errors(est, gt, wall, CAM_MAT, 0.1, TAUS)[0] == 0
    np.testing.assert_array_equal(vsd_errors(est, gt, np.full_like(gt, 0.2), CAM_MAT, 0.1, TAUS), 1)
