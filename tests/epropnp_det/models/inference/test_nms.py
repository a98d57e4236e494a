import numpy as np
import pytest
import torch
from mmcv.ops import box_iou_rotated, nms, nms_rotated

from epropnp_det.models.inference.nms import (
    FROM_ABOVE,
    IN_IMAGE,
    bev_rectangles,
    nms_by_group,
)


@pytest.fixture(scope="module")
def golden(golden_file):
    with np.load(golden_file("geometry.npz")) as arrays:
        return dict(arrays)


def test_overlaps_from_above_match_reference(golden):
    x1, z1, x2, z2, yaw = torch.from_numpy(golden["bev_xyxyr"]).unbind(-1)
    zeros, ones = torch.zeros_like(x1), torch.ones_like(x1)
    centers = ((x1 + x2) / 2, zeros, (z1 + z2) / 2)
    boxes = torch.stack((*centers, x2 - x1, ones, z2 - z1, yaw), dim=-1)
    rectangles = bev_rectangles(boxes)
    overlaps = box_iou_rotated(rectangles, rectangles)
    np.testing.assert_allclose(overlaps.numpy(), golden["bev_iou"], atol=1e-5)


def test_suppression_from_above_matches_reference(golden):
    columns = torch.from_numpy(golden["nms_box3d"])
    boxes = torch.cat((columns[:, 3:6], columns[:, :3], columns[:, 6:]), dim=1)
    scores, groups = (torch.from_numpy(golden[f"nms_{k}"]) for k in ("score", "batch"))
    keep = nms_by_group(FROM_ABOVE, bev_rectangles(boxes), scores, groups, 0.25)
    np.testing.assert_array_equal(keep.numpy(), golden["nms_keep"])


def greedy(boxes: np.ndarray, scores: np.ndarray, groups: np.ndarray, threshold: float) -> list:
    keep = []
    for i in np.argsort(-scores, kind="stable"):
        for j in keep:
            low = np.maximum(boxes[i, :2], boxes[j, :2])
            high = np.minimum(boxes[i, 2:], boxes[j, 2:])
            shared = np.prod(np.maximum(high - low, 0))
            area = [np.prod(boxes[k, 2:] - boxes[k, :2]) for k in (i, j)]
            if groups[i] == groups[j] and shared / (sum(area) - shared) > threshold:
                break
        else:
            keep.append(i)
    return keep


def test_suppression_in_the_image_is_greedy_within_groups():
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 50, (80, 2))
    boxes = np.hstack((corners, corners + rng.uniform(20, 40, (80, 2))))
    scores, groups = rng.permutation(80) / 80, rng.integers(0, 3, 80)
    keep = nms_by_group(
        IN_IMAGE,
        torch.from_numpy(boxes).float(),
        torch.from_numpy(scores).float(),
        torch.from_numpy(groups),
        0.4,
    )
    expected = greedy(boxes, scores, groups, 0.4)
    assert 10 < len(expected) < 80
    assert keep.tolist() == expected


def random_rectangles(rng: np.random.Generator, num: int) -> torch.Tensor:
    columns = (rng.uniform(0, 20, (num, 2)), rng.uniform(0.5, 6, (num, 2)), rng.uniform(-4, 4, num))
    return torch.from_numpy(np.column_stack(columns)).float()


def random_boxes(rng: np.random.Generator, num: int) -> torch.Tensor:
    corners = rng.uniform(0, 300, (num, 2))
    return torch.from_numpy(np.hstack((corners, corners + rng.uniform(5, 90, (num, 2))))).float()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("overlap", "make_boxes", "suppress"),
    [(IN_IMAGE, random_boxes, nms), (FROM_ABOVE, random_rectangles, nms_rotated)],
    ids=["image", "above"],
)
def test_groups_at_once_keep_what_one_suppression_per_group_keeps(
    overlap, make_boxes, suppress, seed
):
    rng = np.random.default_rng(seed)
    boxes = make_boxes(rng, 300)
    scores = torch.from_numpy(rng.permutation(300) / 300).float()
    groups = torch.from_numpy(rng.integers(0, 7, 300))
    expected = []
    for group in groups.unique():
        members = (groups == group).nonzero().squeeze(-1)
        kept = suppress(boxes[members], scores[members], 0.25)[1]
        expected += members[kept].tolist()
    expected.sort(key=lambda i: -scores[i])
    assert 20 < len(expected) < 280
    assert nms_by_group(overlap, boxes, scores, groups, 0.25).tolist() == expected


@pytest.mark.parametrize("num", [0, 1])
def test_few_boxes(num):
    boxes = torch.tensor([[3.0, 0, 9, 4, 2, 2, 0.1]])[:num]
    scores, groups = torch.ones(num), torch.zeros(num, dtype=torch.long)
    keep = nms_by_group(FROM_ABOVE, bev_rectangles(boxes), scores, groups, 0.25)
    assert keep.tolist() == list(range(num))


def test_far_groups_do_not_lose_precision():
    # overlaps of 0.2496 and 0.2504 around a threshold of 0.25, in 2000 groups
    boxes = torch.tensor([0.0, 0, 1, 1]).repeat(4000, 1)
    boxes[1::4, 2], boxes[3::4, 2] = 1 / 0.2496, 1 / 0.2504
    groups = torch.arange(2000).repeat_interleave(2)
    scores = torch.tensor([0.9, 0.5]).repeat(2000)
    keep = nms_by_group(IN_IMAGE, boxes, scores, groups, 0.25)
    kept_second = torch.zeros(4000, dtype=torch.bool)
    kept_second[keep] = True
    assert kept_second[1::4].all()
    assert not kept_second[3::4].any()
