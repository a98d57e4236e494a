"""The stages of the published v2 detector by themselves (``pytest -s`` prints the differences).

Every stage starts from what was recorded before it; ``test_golden_det_v2_from_images.py`` lets
differences add up.
"""

import math

import numpy as np
import pytest
import torch

from det_reference import max_difference, run_from_images, run_object_stages
from epropnp import GaussNewton, RSLMSolver, YawPose, levenberg_marquardt
from epropnp.problem import build_problem
from epropnp_det.models.inference.decode import decode, make_candidates
from epropnp_det.models.proposals.levels import flatten_levels
from epropnp_det.models.structures import FeatureMaps, PoseEstimates

TOLERANCE = 2e-5


@pytest.fixture(scope="module")
def run(reference_detector, golden):
    """One forward pass from images to object predictions."""
    return run_from_images(reference_detector, golden)


@pytest.fixture(scope="module")
def stages(run, golden):
    """The stages of the objects, started from the recorded maps and proposals."""
    features = FeatureMaps(*(torch.from_numpy(golden[f"{k}_0_sub"]) for k in ("key", "value")), 8)
    proposals = run.proposals._replace(
        embeddings=torch.from_numpy(golden["sel_emb"]),
        centers=torch.from_numpy(golden["sub_obj_center"]),
    )
    return run_object_stages(run.head, features, proposals, run.geometry)


@pytest.fixture(scope="module")
def recorded_objects(stages, golden):
    """Recorded correspondences and properties as object predictions."""
    return stages.objects._replace(
        **{
            ours: torch.from_numpy(golden[f"sub_{name}"])
            for ours, name in SUB_OUTPUTS.items()
            if ours != "query"
        }
    )


SUB_OUTPUTS = {
    "scale": "scale",
    "score_logits": "score_pred",
    "dims_code": "dim_enc",
    "dims": "dim_dec",
    "velocities": "velo",
    "attr_logits": "attr",
    "noc": "noc",
    "w2d": "w2d",
    "x2d": "x2d",
}


def check(name: str, actual: torch.Tensor, expected: np.ndarray, tolerance: float = TOLERANCE):
    difference = max_difference(actual, expected)
    print(f"{name:24s} {difference:.1e}")
    assert difference <= tolerance, name


def test_backbone(run, golden):
    for i, level in enumerate(run.backbone):
        check(f"backbone {i} (means)", level.mean((2, 3)), golden[f"C_{i}_chmean"])


def test_points(run, golden):
    for i, points in enumerate(run.dense.proposals.points):
        np.testing.assert_array_equal(points[[0, -1]].numpy(), golden[f"points_{i}_first_last"])


def test_selection(run, golden):
    maps = run.dense.proposals
    scores = [flatten_levels(m).sigmoid() for m in (maps.cls_logits, maps.centerness_logits)]
    assert int((scores[0] * scores[1] >= 0.04).sum()) == golden["num_candidates"]
    chosen = run.head.choose(maps.cls_logits, maps.centerness_logits)
    ours = set(zip(*(inds.tolist() for inds in chosen), strict=True))
    names = ("sel_img", "sel_point", "sel_label")
    assert ours == set(zip(*(golden[name].tolist() for name in names), strict=True))


def test_gathered_proposals(run, golden):
    np.testing.assert_array_equal(run.proposals.strides.numpy(), golden["sel_stride"])
    centers = flatten_levels(run.dense.proposals.centers)
    centers = centers[run.proposals.img_inds, run.proposals.point_inds]
    check("all centres", centers, golden["sel_center_all"])


def test_query_and_attention(stages, golden):
    check("class-aware embedding", stages.embeddings, golden["sub_obj_emb"])
    check("query", stages.query, golden["sub_query"][:, :, 0])
    check("sampled points", stages.points.x2d, golden["attn_x2d"])
    check("border mask", stages.points.mask, golden["attn_mask"][:, :, 0])
    check("sampled values", stages.points.values[:8], golden["attn_v_first8"])
    check("attention output", stages.points.embeddings, golden["attn_out"])


@pytest.mark.parametrize("field", SUB_OUTPUTS)
def test_object_stages(stages, golden, field):
    check(field, getattr(stages.objects, field), golden[f"sub_{SUB_OUTPUTS[field]}"])


def test_correspondences(stages, golden):
    check("x3d", stages.objects.x3d, golden["x3d"])
    check("w2d scaled", stages.objects.w2d_scaled, golden["w2d_scaled"])


@pytest.fixture(scope="module")
def problem(run, golden):
    """Pose problem of the recorded correspondences, as the layer poses it."""
    solver = run.head.pose_solver
    arrays = [torch.from_numpy(golden[k]).double() for k in ("x3d", "sub_x2d", "w2d_scaled")]
    camera = solver.bind_camera(run.geometry, run.proposals.img_inds).to(arrays[0])
    return build_problem(*arrays, camera, solver.cost_fun, YawPose(), normalize=True)


def pose_differences(poses: torch.Tensor, expected: np.ndarray) -> torch.Tensor:
    """Largest relative difference of each pose; the yaw counts modulo a turn."""
    expected = torch.from_numpy(expected).double()
    difference = (poses - expected).abs()
    turn = difference[:, 3] % (2 * math.pi)
    difference[:, 3] = torch.minimum(turn, 2 * math.pi - turn)
    return difference.amax(-1) / expected.abs().amax(-1).clamp(min=1)


def test_huber_delta(problem, golden):
    check("delta", problem.cost.kernel.delta.flatten(), golden["delta"])


def test_start_poses_from_recorded_draws(problem, golden):
    yaws = torch.from_numpy(golden["rslm_rand"])[..., None] * (2 * math.pi)
    subsets = torch.from_numpy(golden["rslm_inds"]).long()
    published = GaussNewton(keep_best=False)
    starts = RSLMSolver(dof=4).from_subsets(problem.cost.unclipped(), subsets, yaws, published)
    poses, costs = starts.best()
    check("start cost", costs, golden["rslm_cost"], tolerance=1e-4)
    # recorded in float32; untrained correspondences pose badly conditioned problems
    assert pose_differences(problem.frame.leave(poses), golden["rslm_pose"]).median() < TOLERANCE


def test_poses_from_recorded_starts(problem, golden):
    start = problem.frame.enter(torch.from_numpy(golden["rslm_pose"]).double())
    solution = levenberg_marquardt(problem.cost, start, 5)
    differences = pose_differences(problem.frame.leave(solution.pose_opt), golden["pose_lm5"])
    print("pose_lm5 quantiles", differences.quantile(torch.tensor([0.5, 0.7, 0.9]).double()))
    assert differences.median() < 1e-5
    assert differences.quantile(0.7) < TOLERANCE
    recorded = problem.cost.value(
        problem.frame.enter(torch.from_numpy(golden["pose_lm5"]).double())
    )
    # where the pose is badly determined, the cost still is not
    torch.testing.assert_close(solution.cost, recorded, rtol=1e-2, atol=1e-3)


@pytest.fixture(scope="module")
def estimates(golden, recorded_objects):
    poses = torch.from_numpy(golden["pose_lm5"])
    valid = torch.ones(len(poses), dtype=torch.bool)
    return PoseEstimates(poses, recorded_objects.score_logits.sigmoid(), None, valid)


def test_boxes_in_the_image(run, golden, recorded_objects, estimates):
    settings = run.head.test_settings
    candidates = make_candidates(recorded_objects, estimates, run.proposals, run.geometry, settings)
    np.testing.assert_array_equal(candidates.valid.numpy(), golden["bbox2d_mask"])
    visible = candidates.valid
    check("2D boxes", candidates.bboxes[visible], golden["bbox2d"][visible.numpy()])


def test_detections(run, golden, recorded_objects, estimates):
    settings = run.head.test_settings
    results = decode(recorded_objects, estimates, run.proposals, run.geometry, settings)
    for image, result in enumerate(results):
        by_class = result.labels_3d.argsort(stable=True)
        result = result[by_class]
        counts = result.labels_3d.bincount(minlength=10)
        np.testing.assert_array_equal(counts.numpy(), golden[f"final_{image}_ncls"])
        boxes = result.bboxes_3d
        columns = (
            boxes.dims,
            boxes.gravity_center,
            boxes.yaw[:, None],
            result.scores_3d[:, None],
            boxes.tensor[:, 7:],
            result.attr_logits,
        )
        expected = golden[f"final_{image}_3d"]
        check(f"3D detections {image}", torch.cat(columns, dim=1), expected[:, :19])
        boxes_2d = torch.cat((result.bboxes, result.scores_2d[:, None]), dim=1)
        check(f"2D detections {image}", boxes_2d, golden[f"final_{image}_2d"])
