"""Single stages of the head: shapes, options and what they do with their inputs."""

import pytest
import torch
from torch import nn

from epropnp_det.models.geometry.mirror import mirror_axis
from epropnp_det.models.objects.dense_features import DenseFeatures
from epropnp_det.models.objects.object_branches import ObjectBranches
from epropnp_det.models.objects.object_query import ObjectQuery
from epropnp_det.models.proposals.fcos_emb_head import FCOSEmbHead
from epropnp_det.models.proposals.levels import level_points
from epropnp_det.models.structures import BatchGeometry

NORM = dict(type="GN", num_groups=4)
SIZES = ((16, 32), (8, 16), (4, 8), (2, 4))


def feats(num=4, channels=8):
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(2, channels, *size, generator=generator) for size in SIZES[:num])


def make_head(**options):
    torch.manual_seed(0)
    options = {"strides": (8, 16, 32), "dcn_on_last_conv": False, **options}
    return FCOSEmbHead(
        3,
        in_channels=8,
        feat_channels=8,
        embed_dims=12,
        centerness_channels=4,
        norm_cfg=NORM,
        **options,
    )


def make_geometry(pad=(128, 256)):
    sizes = torch.tensor([[128.0, 256.0], [120, 200]])
    eye = torch.eye(3).repeat(2, 1, 1)
    return BatchGeometry(eye, eye, sizes, sizes, torch.zeros(2, dtype=torch.bool), pad)


def test_points_are_cell_middles_row_by_row():
    points = level_points((2, 3), 8, torch.zeros(1))
    assert points.tolist() == [[4, 4], [12, 4], [20, 4], [4, 12], [12, 12], [20, 12]]


def test_proposal_maps():
    maps = make_head()(feats(3))
    assert [tuple(level.shape) for level in maps.cls_logits] == [(2, 3, *s) for s in SIZES[:3]]
    assert [tuple(level.shape) for level in maps.centers] == [(2, 6, *s) for s in SIZES[:3]]
    assert [tuple(level.shape) for level in maps.embeddings] == [(2, 12, *s) for s in SIZES[:3]]
    assert all((level >= 0).all() for level in maps.embeddings)
    assert all((level >= 0).all() for level in maps.bboxes)
    assert maps.strides == (8, 16, 32)


def test_centers_start_at_the_points():
    head = make_head()
    nn.init.zeros_(head.conv_offset.weight)
    nn.init.zeros_(head.conv_offset.bias)
    maps = head(feats(3))
    for centers, points in zip(maps.centers, maps.points, strict=True):
        expected = points.mT[None, None].expand(2, 3, -1, -1)
        torch.testing.assert_close(centers.flatten(2).unflatten(1, (3, 2)), expected)


def test_offsets_count_strides():
    head = make_head(class_agnostic_center=True)
    nn.init.zeros_(head.conv_offset.weight)
    head.conv_offset.bias.data = torch.tensor([0.5, -1.0])
    maps = head(feats(3))
    assert maps.centers[1].shape[1] == 2
    moved = maps.centers[1][0].flatten(1).mT - maps.points[1]
    torch.testing.assert_close(moved, torch.tensor([8.0, -16]).expand_as(moved))


def test_the_last_levels_are_read():
    head = make_head()
    all_levels = feats(4)
    for ours, expected in zip(head(all_levels), head(all_levels[1:]), strict=True):
        if isinstance(ours, list):
            torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize(("built", "wanted"), [(False, True), (True, False)])
def test_boxes_only_where_wanted(built, wanted):
    assert make_head(with_bbox=built)(feats(3), with_bbox=wanted).bboxes is None


@pytest.mark.parametrize("num_levels", [1, 3])
def test_dense_features_fuse_the_first_levels(num_levels):
    torch.manual_seed(0)
    stage = DenseFeatures(8, (8, 4), 16, num_levels=num_levels, stride=8, norm_cfg=NORM).eval()
    maps = feats(4)
    features = stage(maps, make_geometry())
    assert features.key.shape == features.value.shape == (2, 16, 16, 32)
    for i in range(4):
        changed = list(maps)
        changed[i] = changed[i] + 1
        same = torch.equal(stage(tuple(changed), make_geometry()).value, features.value)
        assert same == (i >= num_levels)


def test_only_the_key_knows_the_place():
    torch.manual_seed(0)
    stage = DenseFeatures(8, (8, 4), 16, norm_cfg=NORM).eval()
    whole, padded = make_geometry((128, 256)), make_geometry((136, 272))
    ours, other = stage(feats(3), whole), stage(feats(3), padded)
    torch.testing.assert_close(ours.value, other.value)
    assert (ours.key - other.key).abs().max() > 1e-3


def test_class_embedding_is_added():
    embeddings, labels = torch.randn(4, 8), torch.tensor([2, 0, 1, 2])
    centers, shapes = torch.rand(4, 2) * 100, torch.full((4, 2), 100.0)
    stage = ObjectQuery(embed_dims=8, num_heads=2, num_classes=3)
    nn.init.normal_(stage.class_embedding)
    aware, query = stage(embeddings, labels, centers, shapes)
    torch.testing.assert_close(aware, embeddings + stage.class_embedding[labels])
    assert query.shape == (4, 2, 4)
    unaware, _ = ObjectQuery(embed_dims=8, num_heads=2)(embeddings, labels, centers, shapes)
    torch.testing.assert_close(unaware, embeddings)


@pytest.fixture
def branches():
    return make_branches()


def make_branches(**settings):
    torch.manual_seed(0)
    coder = dict(
        type="MultiClassLogDimCoder",
        target_means=[[4.0, 2, 2], [1, 1, 1]],
        target_stds=[[0.4, 0.2, 0.2], [0.1, 0.1, 0.1]],
    )
    return ObjectBranches(embed_dims=8, num_classes=2, dim_coder=coder, **settings)


def test_dimensions_are_those_of_the_label(branches):
    embeddings = torch.randn(1, 8).expand(2, -1)
    flips = torch.zeros(2, dtype=torch.bool)
    properties = branches(embeddings, torch.tensor([0, 1]), flips)
    codes = branches.dim_branch(branches.shared_layers(embeddings[:1]))[0].view(2, 3)
    torch.testing.assert_close(properties.dims_code, codes)
    expected = torch.tensor([[4.0, 2, 2], [1, 1, 1]]) * (0.1 * codes).exp()
    torch.testing.assert_close(properties.dims, expected)


def test_sideways_velocity_of_mirrored_objects_is_turned(branches):
    embeddings, labels = torch.randn(1, 8).expand(2, -1), torch.tensor([0, 0])
    velocities = branches(embeddings, labels, torch.tensor([False, True])).velocities
    torch.testing.assert_close(velocities[1], velocities[0] * torch.tensor([-1.0, 1]))


def test_weight_scale_starts_at_one(branches):
    branches.init_weights()
    properties = branches(torch.randn(3, 8), torch.zeros(3).long(), torch.zeros(3).bool())
    torch.testing.assert_close(properties.scale, torch.ones(3, 2))


def test_a_fixed_weight_scale_is_not_predicted():
    branches = make_branches(fixed_scale=4.3)
    branches.init_weights()
    properties = branches(torch.randn(3, 8), torch.zeros(3).long(), torch.zeros(3).bool())
    torch.testing.assert_close(properties.scale, torch.full((3, 2), 4.3))
    assert not any(name.startswith("scale_branch") for name, _ in branches.named_parameters())


def test_mirror_axis():
    vectors = torch.ones(2, 3, 2)
    mirrored = mirror_axis(vectors, torch.tensor([True, False]), axis=0)
    assert mirrored[0].tolist() == [[-1, 1]] * 3
    assert mirrored[1].tolist() == [[1, 1]] * 3
    assert mirror_axis(torch.zeros(0, 5, 3), torch.zeros(0).bool(), axis=2).shape == (0, 5, 3)
