"""The small detector as a whole: training, inference, stages on few and no objects."""

import math

import pytest
import torch
from mmdet3d.registry import MODELS

from det_small import (
    build_small_detector,
    make_batch,
    make_sample,
    published_config,
    small_model_config,
)
from epropnp_det.models.proposals import gather_proposals


@pytest.fixture(scope="module")
def detector(repo_dir):
    from mmengine.registry import init_default_scope

    init_default_scope("mmdet3d")
    return build_small_detector(repo_dir)


def predict(detector, samples):
    with torch.no_grad():
        data = detector.data_preprocessor(make_batch(samples), False)
        return [sample.pred_instances_3d for sample in detector(**data, mode="predict")]


@pytest.mark.parametrize("num_objects", [(2, 2), (0, 0), (2, 0)])
def test_training_step_reaches_every_parameter(repo_dir, num_objects):
    torch.manual_seed(0)
    model = MODELS.build(small_model_config(repo_dir)).train()
    samples = [make_sample(num, flip=bool(i)) for i, num in enumerate(num_objects)]
    losses = model(**model.data_preprocessor(make_batch(samples), True), mode="loss")
    total, logs = model.parse_losses(losses)
    assert all(math.isfinite(value) for value in logs.values())
    assert {"loss_cls", "loss_rp", "loss_pose", "loss_score", "loss_proj", "loss_depth"} <= set(
        logs
    )
    total.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize(
    ("variant", "absent"),
    [
        ("v1-coord-regr", {"loss_depth", "loss_bbox"}),
        ("v1-basic", {"loss_depth", "loss_bbox", "loss_regr"}),
        ("v1-no-reproj", {"loss_depth", "loss_bbox", "loss_regr", "loss_proj"}),
        ("v1b-220312", {"loss_depth", "loss_bbox"}),
        ("v1b-220411", {"loss_depth", "loss_bbox"}),
        ("v2", set()),
    ],
)
def test_published_variants_train_and_predict(repo_dir, variant, absent):
    name = published_config(repo_dir, variant)
    model = build_small_detector(repo_dir, name).train()
    samples = [make_sample(), make_sample(flip=True)]
    losses = model(**model.data_preprocessor(make_batch(samples), True), mode="loss")
    total, logs = model.parse_losses(losses)
    possible = {"loss_pose", "loss_proj", "loss_regr", "loss_depth", "loss_bbox"}
    assert possible - set(logs) == absent
    assert math.isfinite(logs["loss"])
    total.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    results = predict(model.eval(), samples)
    assert all(result.bboxes_3d.tensor.isfinite().all() for result in results)
    assert sum(map(len, results)) >= 1  # untrained poses rarely fall into the image


def test_detached_scales_get_no_gradient_from_the_derivatives(repo_dir):
    """v1: the differentiable step sees neither the dimensions nor the weight scale."""
    gradients = {}
    for variant in ("v1b-220411", "v2"):
        model = build_small_detector(repo_dir, published_config(repo_dir, variant))
        batch = model.data_preprocessor(make_batch([make_sample()]), True)
        losses = model(**batch, mode="loss")
        branch = model.bbox_head.object_branches.scale_branch.weight
        (gradients[variant],) = torch.autograd.grad(
            losses["loss_reg_pos"], branch, allow_unused=True
        )
    assert gradients["v1b-220411"] is None
    assert gradients["v2"].abs().max() > 0


def test_head_without_criterion_cannot_be_trained(repo_dir):
    config = small_model_config(repo_dir)
    config.bbox_head.criterion = None
    model = MODELS.build(config)
    data = model.data_preprocessor(make_batch([make_sample()]), True)
    with pytest.raises(RuntimeError, match="criterion"):
        model(**data, mode="loss")


def test_predictions(detector):
    results = predict(detector, [make_sample(), make_sample(flip=True)])
    assert all(len(result) > 3 for result in results)
    for result in results:
        num = len(result)
        assert result.bboxes_3d.tensor.shape == (num, 9)
        assert result.bboxes_3d.tensor.isfinite().all()
        assert (result.scores_3d.diff() <= 0).all()
        assert result.bboxes.shape == (num, 4)
        assert (result.bboxes[:, 2:] - result.bboxes[:, :2] >= 4).all()
        assert result.attr_logits.shape == (num, 9)
        torch.testing.assert_close(result.attr_labels, result.attr_logits.argmax(1))
        assert (result.scores_3d <= result.scores_2d).all()


def test_pose_covariances_on_request(repo_dir):
    detector = build_small_detector(repo_dir, with_pose_cov=True)
    (result,) = predict(detector, [make_sample()])
    covariance = result.pose_cov
    assert covariance.shape == (len(result), 4, 4)
    torch.testing.assert_close(covariance, covariance.mT)


def test_no_object_is_found_below_the_threshold(repo_dir):
    detector = build_small_detector(repo_dir, min_fcos_score=0.999)
    (result,) = predict(detector, [make_sample()])
    assert len(result) == 0
    assert result.bboxes_3d.tensor.shape == (0, 9)


def test_mc_scoring_ratio_mixes_scores(repo_dir):
    torch.manual_seed(0)
    (plain,) = predict(build_small_detector(repo_dir), [make_sample()])
    torch.manual_seed(0)
    (mixed,) = predict(build_small_detector(repo_dir, mc_scoring_ratio=1.0), [make_sample()])
    assert mixed.scores_3d.isfinite().all()
    assert mixed.scores_3d.max() < plain.scores_3d.max()  # untrained poses are not certain


def test_raw_outputs(detector):
    data = detector.data_preprocessor(make_batch([make_sample()]), False)
    dense = detector(**data, mode="tensor")
    assert [tuple(level.shape) for level in dense.proposals.cls_logits][:2] == [
        (1, 10, 16, 32),
        (1, 10, 8, 16),
    ]
    assert dense.features.key.shape == (1, 64, 16, 32)


def taken(proposals, which):
    """Some of the objects."""
    fields = proposals._asdict().items()
    return proposals._replace(
        **{name: field[which] for name, field in fields if name != "max_per_img"}
    )


def test_objects_do_not_depend_on_each_other(detector):
    head = detector.bbox_head
    samples = [make_sample(), make_sample(flip=True)]
    data = detector.data_preprocessor(make_batch(samples), False)
    with torch.no_grad():
        feats = detector.extract_feat(data["inputs"])
        geometry = head.geometry(feats, data["data_samples"])
        dense = head.forward_dense(feats, geometry)
        proposals = head.select(dense)
        together = head.predict_objects(dense.features, proposals, geometry)
        some = [0, len(proposals.labels) - 1]
        few = taken(proposals, some)
        alone = head.predict_objects(dense.features, few, geometry)
        none = taken(proposals, slice(0))
        empty = head.predict_objects(dense.features, none, geometry)
    for name in alone._fields:
        whole, part = getattr(together, name), getattr(alone, name)
        torch.testing.assert_close(whole[some], part, rtol=1e-4, atol=1e-4)
        assert getattr(empty, name).shape == (0, *whole.shape[1:])


def test_pixels_keep_their_digits_in_mixed_precision(detector):
    head = detector.bbox_head
    data = detector.data_preprocessor(make_batch([make_sample()]), False)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        feats = detector.extract_feat(data["inputs"])
        geometry = head.geometry(feats, data["data_samples"])
        dense = head.forward_dense(feats, geometry)
        proposals = head.select(dense)
        objects = head.predict_objects(dense.features, proposals, geometry)
    assert feats[0].dtype == torch.bfloat16
    assert dense.proposals.points[0].dtype == torch.float32
    assert dense.proposals.centers[0].dtype == torch.float32
    assert objects.x2d.dtype == torch.float32
    # pixels are not rounded to the grid of bfloat16, which is one pixel wide at 200
    assert (objects.x2d - objects.x2d.bfloat16().float()).abs().max() > 0.1


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_mixed_precision_changes_the_losses_little(repo_dir, dtype):
    """Geometry, targets and the layer keep float32; `tools/train.py --amp` trains like this.

    Some 40 layers lie between pixels and losses. Each rounds to ``eps / 2`` of the type in use, in
    an order that the processor chooses; such errors add like a random walk, to 3 ``eps``, and a
    loss that is quadratic in a small difference may show three times as much.
    """
    logs = []
    for enabled in (False, True):
        torch.manual_seed(0)
        model = MODELS.build(small_model_config(repo_dir)).train()
        data = model.data_preprocessor(make_batch([make_sample(), make_sample(flip=True)]), True)
        with torch.autocast("cpu", dtype=dtype, enabled=enabled):
            total, log = model.parse_losses(model(**data, mode="loss"))
        logs.append({name: value.item() for name, value in log.items()})
        total.backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad.isfinite().all(), name
    assert logs[1] == pytest.approx(logs[0], rel=10 * torch.finfo(dtype).eps)
    assert logs[1] != logs[0]


def test_mixed_precision_changes_the_predictions_little(detector):
    """The network in bfloat16, the same objects picked: `tools/test.py --amp` tests like this.

    The bound is that of the losses, less the factor of a quadratic loss, relative to the spread of
    a quantity (scale and dimensions are exponentials: to their size).
    """
    head = detector.bbox_head
    data = detector.data_preprocessor(make_batch([make_sample(), make_sample(flip=True)]), False)
    predicted, proposals = [], None
    for enabled in (False, True):
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            feats = detector.extract_feat(data["inputs"])
            geometry = head.geometry(feats, data["data_samples"])
            dense = head.forward_dense(feats, geometry, with_bbox=False)
            proposals = proposals or head.select(dense)
            chosen = (proposals.img_inds, proposals.point_inds, proposals.labels)
            own = gather_proposals(dense.proposals, *chosen)
            objects = head.predict_objects(dense.features, own, geometry)
        predicted.append(objects._replace(query=own.cls_probs))
    bound = 3 * torch.finfo(torch.bfloat16).eps
    for name, plain, mixed in zip(objects._fields, *predicted, strict=True):
        if plain is None:
            continue
        assert mixed.dtype == torch.float32, name
        error = (mixed - plain).square().mean().sqrt()
        assert 0 < error < bound * plain.square().mean().sqrt(), name


def test_poses_and_boxes_do_not_notice_mixed_precision(detector):
    head = detector.bbox_head
    data = detector.data_preprocessor(make_batch([make_sample()]), False)
    found = []
    with torch.no_grad():
        feats = detector.extract_feat(data["inputs"])
        geometry = head.geometry(feats, data["data_samples"])
        dense = head.forward_dense(feats, geometry)
        proposals = head.select(dense)
        objects = head.predict_objects(dense.features, proposals, geometry)
        for enabled in (False, True):
            torch.manual_seed(0)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
                found += head.solve_and_decode(objects, proposals, geometry)
    plain, mixed = found
    assert len(plain) > 0
    assert torch.equal(mixed.bboxes_3d.tensor, plain.bboxes_3d.tensor)
    assert torch.equal(mixed.scores_3d, plain.scores_3d)
    assert torch.equal(mixed.bboxes, plain.bboxes)


def test_targets_are_the_same_in_mixed_precision(detector):
    head = detector.bbox_head
    data = detector.data_preprocessor(make_batch([make_sample(), make_sample(flip=True)]), True)
    with torch.no_grad():
        feats = detector.extract_feat(data["inputs"])
        geometry = head.geometry(feats, data["data_samples"])
        maps = head.forward_dense(feats, geometry).proposals
        plain, mixed = [], []
        for targets, enabled in ((plain, False), (mixed, True)):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
                truth = head.criterion.assign(maps, geometry, data["data_samples"]).ground_truth
                targets += [*truth[:-1], *truth.lidar]
    for one, other in zip(plain, mixed, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)


def test_unknown_test_setting_is_refused(repo_dir):
    config = small_model_config(repo_dir)
    config.test_cfg = dict(nms_iou=0.5)
    with pytest.raises(ValueError, match="nms_iou.*expected some of .*nms_iou_2d"):
        MODELS.build(config)
