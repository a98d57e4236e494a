"""The stages of the objects on torch's ``meta`` device, whose tensors have shapes and no values.

What reads a value (a wait of the host for a GPU) or mixes devices fails there. Stages before and
after are left out: how many objects are found, and how many are kept, is a value to be read.
"""

import pytest
import torch
from mmengine.registry import init_default_scope

from det_small import IMAGE_SIZE, build_small_detector
from epropnp import set_default_backend
from epropnp_det.models.proposals.levels import find_cells, values_at
from epropnp_det.models.structures import BatchGeometry, Proposals

NUM_IMAGES, NUM_OBJECTS = 2, 5


@pytest.fixture(scope="module", autouse=True)
def _eager():
    set_default_backend("eager")
    yield
    set_default_backend(None)


@pytest.fixture(scope="module")
def head(repo_dir):
    init_default_scope("mmdet3d")
    return build_small_detector(repo_dir).bbox_head.to("meta")


def empty(*shape, dtype=torch.float32):
    return torch.empty(shape, dtype=dtype, device="meta")


def indices(num=NUM_OBJECTS):
    return empty(num, dtype=torch.long)


def geometry(tilted=False):
    per_image = [empty(NUM_IMAGES, 3, 3), empty(NUM_IMAGES, 3, 3)]
    per_image += [empty(NUM_IMAGES, 2), empty(NUM_IMAGES, 2), empty(NUM_IMAGES, dtype=torch.bool)]
    return BatchGeometry(*per_image, IMAGE_SIZE, empty(NUM_IMAGES, 3, 3) if tilted else None)


def maps_of(head, batch):
    height, width = IMAGE_SIZE
    feats = [empty(NUM_IMAGES, 64, height >> i, width >> i) for i in range(3, 8)]
    return head.forward_dense(feats, batch)


def proposals(num=NUM_OBJECTS):
    return Proposals(
        img_inds=indices(num),
        point_inds=indices(num),
        labels=indices(num),
        embeddings=empty(num, 64),
        centers=empty(num, 2),
        strides=empty(num),
        cls_probs=empty(num),
        max_per_img=min(num, 4),
    )


def tensors_of(values):
    if torch.is_tensor(values):
        return [values]
    return [each for value in values for each in tensors_of(value)] if values else []


def assert_on_meta(values):
    tensors = tensors_of([value for value in values if not isinstance(value, (int, tuple))])
    assert tensors
    assert {tensor.device.type for tensor in tensors} == {"meta"}


@pytest.mark.parametrize("num", [NUM_OBJECTS, 0])
@pytest.mark.parametrize("tilted", [False, True])
def test_inference_of_objects_reads_no_value(head, num, tilted):
    batch, chosen = geometry(tilted), proposals(num)
    dense = maps_of(head, batch)
    objects = head.predict_objects(dense.features, chosen, batch)
    assert objects.x2d.shape == (num, 32, 2)
    assert_on_meta(objects)
    estimates = head.pose_solver.solve(objects, batch, chosen.img_inds, with_pose_cov=True)
    assert estimates.covariances.shape == (num, 4, 4)
    assert_on_meta(estimates)


def test_training_of_objects_reads_no_value(head):
    # up to the losses: those of mmdet look whether any weight is positive
    batch, chosen = geometry(), proposals()
    objects = head.predict_objects(maps_of(head, batch).features, chosen, batch)
    poses = head.pose_solver.training_poses(objects, batch, chosen.img_inds, empty(NUM_OBJECTS, 4))
    assert_on_meta(poses)
    sum(
        part.sum() for part in (poses.log_weights, poses.cost_target, poses.pose_opt_plus)
    ).backward()
    assert_on_meta([parameter.grad for parameter in head.correspondence_head.parameters()])


def test_values_of_proposals_are_gathered_without_a_look_at_them(head):
    maps = maps_of(head, geometry()).proposals
    cells = find_cells(maps.embeddings, indices(), indices())
    assert values_at(maps.embeddings, cells).shape == (NUM_OBJECTS, 64)
