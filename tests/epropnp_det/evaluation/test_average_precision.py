"""Average precision against COCO's own evaluator, handed the same similarities."""

import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from epropnp_det.evaluation.average_precision import IGNORED, assign, average_precision

THRESHOLDS = (0.3, 0.5, 0.8)


def make_images(seed, count=12):
    """Similarities, ignored objects and scores of some images; few scores are equal."""
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(count):
        found, objects = rng.integers(0, 7), rng.integers(0, 6)
        scores = np.sort(np.round(rng.random(found), 3))[::-1]
        images.append((rng.random((found, objects)), rng.random(objects) < 0.25, scores))
    return images


def ours(images, threshold):
    scores, hits = [], []
    for similarity, ignored, own in images:
        owner = assign(similarity, ignored, threshold)
        scores.append(own[owner != IGNORED])
        hits.append(owner[owner != IGNORED] >= 0)
    total = sum((~ignored).sum() for _, ignored, _ in images)
    return average_precision(np.concatenate(scores), np.concatenate(hits), total)


def by_coco(images):
    """Precision (T,) of COCO; its boxes mean nothing, since the similarities are put in."""
    truth, found = [], []
    box = dict(category_id=1, bbox=[0, 0, 10, 10], area=100)
    for number, (_, ignored, scores) in enumerate(images, 1):
        for flag in ignored:
            own = dict(id=len(truth) + 1, image_id=number, iscrowd=int(flag))
            truth.append({**box, **own, "ignore": int(flag)})
        found += [dict(image_id=number, score=float(s), **box) for s in scores]
    data = COCO()
    data.dataset = dict(
        images=[dict(id=i + 1) for i in range(len(images))],
        categories=[dict(id=1)],
        annotations=truth,
        info={},
    )
    with contextlib.redirect_stdout(io.StringIO()):
        data.createIndex()
        evaluation = COCOeval(data, data.loadRes(found), "bbox")
        evaluation.params.iouThrs = np.array(THRESHOLDS)
        similarities = {(n, 1): item[0] for n, item in enumerate(images, 1)}
        evaluation.computeIoU = lambda image, category: similarities[image, category]
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"][:, :, 0, 0, -1].mean(1)


@pytest.mark.parametrize("seed", range(4))
def test_like_coco(seed):
    images = make_images(seed)
    expected = by_coco(images)
    assert (expected > 0).any()
    for threshold, value in zip(THRESHOLDS, expected, strict=True):
        assert ours(images, threshold) == pytest.approx(value, abs=1e-12)


def test_the_ends():
    assert average_precision(np.array([0.9, 0.8]), np.array([True, True]), 2) == 1
    assert average_precision(np.array([0.9]), np.array([False]), 3) == 0
    assert average_precision(np.zeros(0), np.zeros(0, bool), 3) == 0
    assert np.isnan(average_precision(np.array([0.9]), np.array([False]), 0))
    # one of two found, after a false alarm: precision one half up to recall one half
    value = average_precision(np.array([0.9, 0.8]), np.array([False, True]), 2)
    assert value == pytest.approx(0.5 * 51 / 101)


def test_ignored_objects_take_what_would_be_a_false_alarm():
    similarity = np.array([[0.9, 0.6], [0.9, 0.7], [0.0, 0.7], [0.0, 0.1]])
    owner = assign(similarity, np.array([False, True]), 0.5)
    assert owner.tolist() == [0, IGNORED, IGNORED, -1]
