"""Object sampling: recorded weights, and the distribution of the draw."""

import pytest
import torch

from det_train_reference import NUM_CLASSES, TrainReference
from epropnp_det.models.training.targets import CenterAssigner, CenternessSampler, PointTargets
from epropnp_det.models.training.targets.object_sampling import (
    draw_points,
    foreground_points,
    gather_samples,
)


@pytest.fixture(scope="module")
def reference(golden_file):
    return TrainReference(golden_file)


def point_targets(gt_inds: list[list[int]], centerness: list[list[float]]) -> PointTargets:
    """Targets of few points; a negative ground truth is background, labels equal gt_inds % 3."""
    gt_inds = torch.tensor(gt_inds)
    labels = torch.where(gt_inds < 0, NUM_CLASSES, gt_inds % 3)
    return PointTargets(labels, gt_inds, None, torch.tensor(centerness))


TARGETS = point_targets([[0, -1, 0, 1], [-1, 2, 2, 2]], [[0.9, 0, 0.1, 0.5], [0, 0.3, 0.2, 1.0]])


def test_equals_recorded_samples(reference):
    targets = CenterAssigner((), NUM_CLASSES).assign(
        reference.point_grid(), reference.ground_truth(), 2
    )
    foreground = foreground_points(targets, NUM_CLASSES)
    img_inds, point_inds = reference.sampled_points()
    code = foreground.img_inds * 10_000 + foreground.point_inds  # ascending by construction
    drawn = torch.searchsorted(code, img_inds * 10_000 + point_inds)
    samples = gather_samples(foreground, drawn, num_gts=7)
    assert samples.img_inds.equal(img_inds)
    assert samples.point_inds.equal(point_inds)
    assert samples.gt_inds.equal(reference["obj_sample_gt_inds"])
    torch.testing.assert_close(samples.weights, reference["obj_sample_weights"])
    torch.testing.assert_close(samples.uniform_weights, reference["obj_sample_uniform_weights"])


def test_samples_are_foreground_points():
    samples = CenternessSampler(NUM_CLASSES, num_per_img=10)(TARGETS, 3)
    assert len(samples.labels) == 20
    chosen = samples.img_inds, samples.point_inds
    assert samples.gt_inds.equal(TARGETS.gt_inds[chosen])
    assert samples.labels.equal(TARGETS.labels[chosen])
    torch.testing.assert_close(samples.weights.mean(), torch.tensor(1.0))
    torch.testing.assert_close(samples.uniform_weights.mean(), torch.tensor(1.0))


def test_uniform_half_is_without_replacement():
    foreground = foreground_points(TARGETS, NUM_CLASSES)
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        assert len(draw_points(foreground, 6, generator)[:3].unique()) == 3
        # more wanted than there are: each once, the rest by probability
        assert len(draw_points(foreground, 100, generator)[:6].unique()) == 6


def test_draw_follows_the_mixture():
    foreground = foreground_points(TARGETS, NUM_CLASSES)
    generator = torch.Generator().manual_seed(0)
    draws = torch.stack([draw_points(foreground, 6, generator) for _ in range(5000)])
    observed = draws.flatten().bincount(minlength=6) / draws.numel()
    expected = 0.5 / 6 + 0.5 * foreground.probs
    # standard error of a frequency is below sqrt(0.25 / 30000) = 0.003
    torch.testing.assert_close(observed, expected, rtol=0, atol=4 * 0.003)


def test_weights_count_every_ground_truth_alike():
    samples = CenternessSampler(NUM_CLASSES, 30)(TARGETS, 3, torch.Generator().manual_seed(1))
    for weights in (samples.weights, samples.uniform_weights):
        totals = torch.zeros(3).index_add(0, samples.gt_inds, weights)
        torch.testing.assert_close(totals, totals.mean().expand(3))


def test_weights_estimate_the_centerness_mean():
    """Within a ground truth the weighted mean is that under the centerness."""
    foreground = foreground_points(TARGETS, NUM_CLASSES)
    generator = torch.Generator().manual_seed(2)
    values = torch.tensor([1.0, 5.0, 0.0, 2.0, 3.0, 7.0])  # of the candidates
    third = foreground.gt_inds == 2
    expected = (foreground.probs * values)[third].sum() / foreground.probs[third].sum()
    estimates = []
    for _ in range(200):
        drawn = draw_points(foreground, 96, generator)
        samples = gather_samples(foreground, drawn, 3)
        mine = samples.gt_inds == 2
        weights = samples.weights[mine]
        estimates.append((weights * values[drawn[mine]]).sum() / weights.sum())
    estimates = torch.stack(estimates)
    error = (estimates.mean() - expected).abs()
    # four standard errors, and the bias of a self-normalised estimate of some 50 samples
    assert error < 4 * estimates.std() / 200**0.5 + 0.02


def test_no_foreground_gives_no_objects():
    targets = point_targets([[-1, -1]], [[0.0, 0.0]])
    samples = CenternessSampler(NUM_CLASSES)(targets, 0)
    assert all(len(field) == 0 for field in samples)
    assert samples.gt_inds.dtype == torch.long
    assert samples.weights.dtype == torch.float32
