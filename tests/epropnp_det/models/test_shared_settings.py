"""Settings stated once: what a head hands down, and what it refuses when it is built."""

import pytest
from mmdet3d.registry import MODELS

from det_small import small_model_config
from epropnp_det.models.shared_settings import hand_down

SHARED = dict(embed_dims=32, num_heads=4, num_classes=3, num_points=2)


def test_a_stage_gets_what_it_has_an_argument_for_and_does_not_give():
    config = hand_down(dict(type="ObjectQuery", num_heads=2), SHARED)
    assert config == dict(type="ObjectQuery", num_heads=2, embed_dims=32, num_classes=3)


def test_none_is_given():
    assert hand_down(dict(type="ObjectQuery", num_classes=None), SHARED)["num_classes"] is None


def test_parts_of_a_stage_get_theirs():
    config = hand_down(
        dict(
            type="AuxiliaryLosses",
            loss_proj=dict(type="mmdet.L1Loss"),
            depth=dict(type="LidarDepthHead"),
        ),
        SHARED,
    )
    assert config["depth"] == dict(type="LidarDepthHead", embed_dims=32)
    assert config["loss_proj"] == dict(type="mmdet.L1Loss")


def test_one_number_makes_the_whole_head_narrower(repo_dir):
    model = small_model_config(repo_dir)
    model.neck.out_channels = model.bbox_head.embed_dims = 32
    model.bbox_head.num_heads = 2
    head = MODELS.build(model).bbox_head
    assert head.detector.conv_emb.conv.out_channels == 32
    assert head.dense_features.key_proj.out_channels == 32
    assert head.object_query.projection.out_features == 32
    assert head.attention_sampler.num_heads == head.correspondence_head.num_heads == 2
    assert head.criterion.auxiliary.depth.layers[0].in_features == 32
    assert head.criterion.assigner.num_classes == head.object_branches.num_classes == 10


def build_with(repo_dir, place, value):
    model = small_model_config(repo_dir)
    *path, last = place.split(".")
    block = model
    for name in path:
        block = block[name]
    block[last] = value
    return MODELS.build(model)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("train_cfg", dict(num_obj_samples_per_img=48), "object_sampler.num_per_img"),
        ("train_cfg", dict(roi_shape=(28, 28)), "auxiliary.roi_size"),
        ("train_cfg", dict(something=1), "something"),
        ("test_cfg", dict(override_cfg=dict(mc_samples=512)), "pose_solver.test_pnp"),
        ("test_cfg", dict(nms_iou2d=0.8), "nms_iou_2d"),
        ("test_cfg", dict(nms_ioubev_thr=0.25), "nms_iou_bev"),
        ("bbox_head.criterion.auxiliary.loss_proj.sigma", 0.2, "init_sigma"),
        ("bbox_head.criterion.auxiliary.depth.loss.freeze_sigma", False, "init_sigma"),
        ("bbox_head.criterion.auxiliary.loss_regr.adaptive_weight", True, "momentum"),
        (
            "bbox_head.criterion.object_loss.loss_dim",
            dict(type="SmoothL1LossMod", beta=1.0),
            "mmdet.SmoothL1Loss",
        ),
    ],
)
def test_published_names_are_refused_with_ours(repo_dir, place, value, message):
    with pytest.raises(ValueError, match=message):
        build_with(repo_dir, place, value)


@pytest.mark.parametrize(
    ("place", "value", "loss"),
    [
        ("bbox_head.criterion.object_loss.loss_velo", None, "loss_velo"),
        ("bbox_head.object_branches.num_attrs", 0, "loss_attr"),
        ("bbox_head.detector.with_bbox", False, "loss_bbox"),
    ],
)
def test_a_branch_and_its_loss_come_together(repo_dir, place, value, loss):
    with pytest.raises(ValueError, match=f"{loss}.*set both or none"):
        build_with(repo_dir, place, value)
