import pytest
import torch

from epropnp_det.models.proposals.selection import gather_proposals, select_points
from epropnp_det.models.structures import ProposalMaps

SIZES = ((4, 6), (2, 3))
STRIDES = (8, 16)


def make_maps(num_images=2, num_classes=3, agnostic=False):
    generator = torch.Generator().manual_seed(0)

    def levels(channels):
        return [torch.randn(num_images, channels, *s, generator=generator) for s in SIZES]

    return ProposalMaps(
        cls_logits=levels(num_classes),
        centerness_logits=levels(1),
        embeddings=levels(5),
        centers=levels(2 if agnostic else 2 * num_classes),
        bboxes=None,
        points=[torch.zeros(h * w, 2) for h, w in SIZES],
        strides=STRIDES,
    )


def all_scores(maps):
    """Scores by (image, point, label), written out."""
    scores = {}
    for image in range(2):
        point = 0
        for cls, ctr in zip(maps.cls_logits, maps.centerness_logits, strict=True):
            for row in range(cls.shape[2]):
                for column in range(cls.shape[3]):
                    for label in range(cls.shape[1]):
                        probability = cls[image, label, row, column].sigmoid()
                        probability = probability * ctr[image, 0, row, column].sigmoid()
                        scores[image, point, label] = float(probability)
                    point += 1
    return scores


def chosen_set(maps, **settings):
    chosen = select_points(maps.cls_logits, maps.centerness_logits, **settings)
    return set(zip(*(inds.tolist() for inds in chosen), strict=True))


def test_each_image_keeps_its_best():
    maps = make_maps()
    scores = all_scores(maps)
    expected = set()
    for image in range(2):
        own = sorted((s, k) for k, s in scores.items() if k[0] == image)[-10:]
        expected |= {key for _, key in own}
    assert chosen_set(maps, max_per_img=10, min_score=0.0) == expected


def test_pooled_batch_keeps_the_best_of_all():
    maps = make_maps()
    maps.cls_logits[0][0] += 3  # the first image would take most places
    best = sorted((score, key) for key, score in all_scores(maps).items())[-20:]
    expected = {key for _, key in best}
    assert chosen_set(maps, max_per_img=10, min_score=0.0, pool_batch=True) == expected
    assert sum(image == 0 for image, _, _ in expected) > 10


def test_threshold():
    maps = make_maps()
    expected = {key for key, score in all_scores(maps).items() if score >= 0.4}
    assert chosen_set(maps, max_per_img=1000, min_score=0.4) == expected
    assert chosen_set(maps, min_score=1.1) == set()


@pytest.mark.parametrize("agnostic", [False, True])
def test_gathering(agnostic):
    maps = make_maps(agnostic=agnostic)
    # point 28 is row 1, column 1 of the second level
    img_inds, point_inds, labels = torch.tensor([1, 0]), torch.tensor([28, 7]), torch.tensor([2, 1])
    proposals = gather_proposals(maps, img_inds, point_inds, labels)
    assert proposals.strides.tolist() == [16, 8]
    torch.testing.assert_close(proposals.embeddings[0], maps.embeddings[1][1, :, 1, 1])
    torch.testing.assert_close(proposals.embeddings[1], maps.embeddings[0][0, :, 1, 1])
    torch.testing.assert_close(proposals.cls_probs[0], maps.cls_logits[1][1, 2, 1, 1].sigmoid())
    channels = slice(0, 2) if agnostic else slice(4, 6)
    torch.testing.assert_close(proposals.centers[0], maps.centers[1][1, channels, 1, 1])
