"""Flip test-time augmentation: mirrored input gives mirrored objects; views share one problem."""

import math

import pytest
import torch
from mmdet3d.registry import DATASETS, MODELS
from mmengine import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope

from det_small import IMAGE_SIZE, build_small_detector, make_batch, make_sample
from epropnp_det.models.proposals.levels import find_cells, mirror_columns, mirrored_values_at
from epropnp_det.models.structures import ObjectPredictions
from epropnp_det.models.tta import (
    EProPnPDetTTAModel,
    dense_view,
    merge_objects,
    predict_objects_of_views,
)
from nuscenes_data import nuscenes_root  # noqa: F401 - a fixture

HEIGHT, WIDTH = IMAGE_SIZE


@pytest.fixture(scope="module")
def detector(repo_dir):
    init_default_scope("mmdet3d")
    return build_small_detector(repo_dir, min_fcos_score=0.3)


def dense_views(detector, *batches):
    views = []
    for batch in batches:
        data = detector.data_preprocessor(batch, False)
        feats = detector.extract_feat(data["inputs"])
        views.append(dense_view(detector.bbox_head, feats, data["data_samples"]))
    return views


def mirrored_batch(batch, flip):
    """The mirror image of a batch, seen by a camera (or declared to be seen mirrored)."""
    images = [image.flip(-1) for image in batch["inputs"]["img"]]
    return dict(inputs=dict(img=images), data_samples=[make_sample(flip=flip) for _ in images])


@torch.no_grad()
def test_mirrored_scene_gives_mirrored_objects(detector):
    scene = make_batch([make_sample()])
    flipped_scene = mirrored_batch(scene, flip=True)  # what the network sees of it when flipped
    other = mirrored_batch(scene, flip=False)  # a camera that really looks at the mirror image
    flipped_other = dict(inputs=scene["inputs"], data_samples=[make_sample(flip=True)])
    results = []
    for pair in ((scene, flipped_scene), (other, flipped_other)):
        views = dense_views(detector, *pair)
        objects, proposals = predict_objects_of_views(detector.bbox_head, views)
        # points are numbered from the left: sort by what does not depend on that
        order = (proposals.cls_probs.double() * 100 + proposals.labels).argsort()
        results.append((objects, proposals, order))
    (ours, proposals, order), (theirs, mirrored, their_order) = results
    assert len(order) == len(their_order) > 5
    torch.testing.assert_close(proposals.cls_probs[order], mirrored.cls_probs[their_order])

    def compare(mine, other, tolerance=1e-3):
        torch.testing.assert_close(mine[order], other[their_order], rtol=tolerance, atol=tolerance)

    swap = [1, 0]  # the views of the mirrored scene come in the other order
    by_view = [t.unflatten(1, (2, -1)) for t in (theirs.x2d, theirs.noc, theirs.w2d)]
    x2d, noc, w2d = (t[:, swap].flatten(1, 2) for t in by_view)
    compare(ours.x2d, torch.stack((WIDTH - x2d[..., 0], x2d[..., 1]), dim=-1), tolerance=1e-2)
    compare(ours.noc, noc * torch.tensor([1.0, 1, -1]))
    compare(ours.w2d, w2d)
    compare(ours.dims, theirs.dims)
    compare(ours.score_logits, theirs.score_logits)
    compare(ours.velocities, theirs.velocities * torch.tensor([-1.0, 1]))
    compare(ours.attr_logits, theirs.attr_logits)


@torch.no_grad()
def test_the_same_view_twice_changes_nothing(detector):
    batch = make_batch([make_sample()])
    views = dense_views(detector, batch, make_batch([make_sample()]))
    twice, proposals = predict_objects_of_views(detector.bbox_head, views)
    (view,) = dense_views(detector, make_batch([make_sample()]))
    once, _ = predict_objects_of_views(detector.bbox_head, [view])
    half = once.x2d.shape[1]
    torch.testing.assert_close(twice.x2d[:, :half], once.x2d)
    torch.testing.assert_close(twice.x2d[:, half:], once.x2d)
    torch.testing.assert_close(twice.w2d_scaled.sum(1), 2 * once.w2d_scaled.sum(1))
    torch.testing.assert_close(twice.x3d[:, half:], once.x3d)
    torch.testing.assert_close(twice.score_logits, once.score_logits, rtol=1e-4, atol=1e-4)
    assert len(proposals.labels) == len(once.dims)


def test_merging_averages_objects_and_keeps_points():
    def view(value):
        def filled(*shape):
            return torch.full((1, *shape), value)

        return ObjectPredictions(
            query=filled(2, 4),
            x2d=filled(3, 2),
            noc=filled(3, 3),
            w2d=filled(3, 2),
            scale=filled(2),
            dims_code=filled(3),
            dims=filled(3),
            score_logits=filled(),
            velocities=None,
            attr_logits=filled(9),
        )

    merged = merge_objects([view(1.0), view(3.0)])
    torch.testing.assert_close(merged.x3d[0, :, 0], torch.tensor([2.0, 2, 2, 6, 6, 6]))
    torch.testing.assert_close(merged.w2d_scaled[0, :, 0], torch.tensor([1.0, 1, 1, 9, 9, 9]))
    sigmoids = [1 / (1 + math.exp(-value)) for value in (1, 3)]
    torch.testing.assert_close(merged.score_logits.sigmoid(), torch.tensor([sum(sigmoids) / 2]))
    assert merged.velocities is None


def test_whole_cells_are_reversed():
    level = torch.arange(12.0).view(1, 1, 2, 6)
    torch.testing.assert_close(mirror_columns(level, torch.tensor([6.0])), level.flip(-1))
    # an image of 4 cells, padded to 6: its own columns change places
    torch.testing.assert_close(
        mirror_columns(level, torch.tensor([4.0]))[..., :4], level[..., :4].flip(-1)
    )


def test_broken_cells_are_interpolated():
    # 12.5 cells of 128 pixels: values are the pixel of the cell, so mirrored values are W - pixel
    stride, width = 128, 1600
    pixels = torch.arange(13.0) * stride + stride // 2
    mirrored = mirror_columns(pixels.view(1, 1, 1, 13), torch.tensor([width / stride]))[0, 0, 0]
    torch.testing.assert_close(mirrored[:12], (width - pixels)[:12])


@pytest.mark.parametrize("cells", [0.0, 0.5])
def test_single_values_are_those_of_mirrored_maps(cells):
    generator = torch.Generator().manual_seed(0)
    maps = [torch.randn(2, 3, *size, generator=generator) for size in ((4, 7), (2, 4))]
    widths = torch.tensor([7.0, 5.0]) - cells  # in cells of the first level
    mirrored = [mirror_columns(maps[0], widths), mirror_columns(maps[1], widths / 2)]
    flat = torch.cat([level.flatten(2).mT for level in mirrored], dim=1)
    img_inds, point_inds = (
        inds.flatten()
        for inds in torch.meshgrid(torch.arange(2), torch.arange(4 * 7 + 2 * 4), indexing="ij")
    )
    num_columns = widths[img_inds] / torch.where(point_inds < 28, 1.0, 2.0)
    values = mirrored_values_at(maps, find_cells(maps, img_inds, point_inds), num_columns)
    torch.testing.assert_close(values, flat[img_inds, point_inds])


@torch.no_grad()
def test_reversed_columns_serve_published_weights(repo_dir):
    detector = build_small_detector(repo_dir, min_fcos_score=0.3, tta_mirror="reverse")
    scene = make_batch([make_sample()])
    views = dense_views(detector, scene, mirrored_batch(scene, flip=True))
    chosen = torch.tensor([0, 0]), torch.tensor([40, 520]), torch.tensor([3, 5])
    own = views[1].proposals(views[0].maps.cls_logits, *chosen)
    # 16 x 32 cells of 8 pixels, then 8 x 16 of 16; 256 pixels are whole cells
    embeddings = views[1].maps.embeddings
    torch.testing.assert_close(own.embeddings[0], embeddings[0].flip(-1)[0, :, 1, 8])
    torch.testing.assert_close(own.embeddings[1], embeddings[1].flip(-1)[0, :, 0, 8])
    centers = views[1].maps.centers[1].flip(-1)[0, 10:12, 0, 8]
    torch.testing.assert_close(own.centers[1], centers)


def test_views_must_be_flipped_as_a_whole(detector):
    with pytest.raises(ValueError, match="all be flipped"):
        dense_views(detector, make_batch([make_sample(), make_sample(flip=True)]))


@torch.no_grad()
def test_model_predicts_a_batch_of_views(detector):
    model = EProPnPDetTTAModel(detector)
    view, flipped = (make_batch([make_sample(flip=f), make_sample(flip=f)]) for f in (False, True))
    data = {
        "inputs": [view["inputs"], flipped["inputs"]],
        "data_samples": [view["data_samples"], flipped["data_samples"]],
    }
    results = model.test_step(data)
    assert len(results) == 2
    for sample in results:
        assert not sample.metainfo["flip"]
        assert len(sample.pred_instances_3d) > 2
        assert sample.pred_instances_3d.bboxes_3d.tensor.isfinite().all()


@torch.no_grad()
def test_model_reads_what_the_pipeline_gives(detector, repo_dir, nuscenes_root):  # noqa: F811
    base = Config.fromfile(repo_dir / "configs/_base_/datasets/nus-mono3d.py")
    crop = dict(type="MonoCrop", region=(0, 0.25, 1, 1), unit="fraction")
    views = [
        [crop] if group[0].type == "MonoCrop" else group
        for group in base.tta_pipeline[1].transforms
    ]
    dataset = DATASETS.build(
        dict(
            type="NuScenesMonoDataset",
            data_root=str(nuscenes_root),
            ann_file="nuscenes_infos_val.pkl",
            test_mode=True,
            pipeline=[base.tta_pipeline[0], dict(type="TestTimeAug", transforms=views)],
        )
    )
    model = MODELS.build({**base.tta_model, "module": detector})
    results = model.test_step(pseudo_collate([dataset[0], dataset[1]]))
    assert [sample.cam_name for sample in results] == [
        dataset.get_data_info(i)["cam_name"] for i in (0, 1)
    ]
    for sample in results:
        assert not sample.flip
        assert sample.pred_instances_3d.bboxes_3d.tensor.shape[1] == 9
