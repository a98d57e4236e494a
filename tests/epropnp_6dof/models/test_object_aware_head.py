"""The head that is told the object: every crop is read by its own object's layers."""

import pytest
import torch

from epropnp_6dof.models import DenseCorrespondenceHead, ObjectAwareHead

OBJ_IDS = (1, 5, 9)
CROPS = [9, 1, 9, 5]


@pytest.fixture
def head() -> ObjectAwareHead:
    torch.manual_seed(0)
    made = ObjectAwareHead(OBJ_IDS, in_channels=6, channels=8, num_stages=1)
    made.init_weights()
    for parameter in made.parameters():  # so that objects differ
        torch.nn.init.normal_(parameter, std=0.3)
    return made.double().eval()


def plain_head_of(head: ObjectAwareHead, index: int) -> DenseCorrespondenceHead:
    """A head of one object with the layers of one of many."""
    plain = DenseCorrespondenceHead(6, 8, 1).double().eval()
    plain.features.load_state_dict(head.features.state_dict())
    rows = slice(5 * index, 5 * index + 5)
    with torch.no_grad():
        plain.out_layer.weight.copy_(head.out_layer.weight[rows])
        plain.out_layer.bias.copy_(head.out_layer.bias[rows])
        plain.scale_branch.weight.copy_(head.scale_branch.weight[2 * index : 2 * index + 2])
        plain.scale_branch.bias.copy_(head.scale_branch.bias[2 * index : 2 * index + 2])
    return plain


def test_every_crop_is_read_by_the_layers_of_its_object(head: ObjectAwareHead) -> None:
    features = torch.randn(len(CROPS), 6, 3, 3, dtype=torch.float64)
    maps = head(features, CROPS)
    for row, obj_id in enumerate(CROPS):
        index = OBJ_IDS.index(obj_id)
        moved = features[row : row + 1] + head.embedding.weight[index][:, None, None]
        for field, expected in zip(maps, plain_head_of(head, index)(moved), strict=True):
            torch.testing.assert_close(field[row : row + 1], expected)


def test_an_object_trains_its_own_layers_alone(head: ObjectAwareHead) -> None:
    maps = head(torch.randn(2, 6, 3, 3, dtype=torch.float64), [5, 5])
    sum(field.sum() for field in maps).backward()
    of_objects = head.out_layer.weight.grad.unflatten(0, (3, 5)).abs().sum(dim=(1, 2, 3, 4))
    assert (of_objects > 0).tolist() == [False, True, False]
    assert (head.embedding.weight.grad.abs().sum(1) > 0).tolist() == [False, True, False]


def test_no_crop_gives_empty_maps(head: ObjectAwareHead) -> None:
    maps = head(torch.zeros(0, 6, 3, 3, dtype=torch.float64), [])
    assert [tuple(field.shape) for field in maps] == [(0, 3, 6, 6), (0, 2, 6, 6), (0, 2)]


def test_it_begins_as_a_head_that_knows_no_objects() -> None:
    made = ObjectAwareHead(OBJ_IDS, in_channels=6, channels=8, num_stages=1)
    made.init_weights()
    assert not made.embedding.weight.any()
    weight_logits = made.out_layer.weight.unflatten(0, (3, 5))[:, 3:]
    assert not weight_logits.any()
    assert made.out_layer.weight.unflatten(0, (3, 5))[:, :3].abs().sum(dim=(1, 2, 3, 4)).min() > 0


@pytest.mark.parametrize(("obj_ids", "message"), [(None, "needs the object"), ([1, 7], "object 7")])
def test_unknown_objects_are_refused(head: ObjectAwareHead, obj_ids, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        head(torch.zeros(2, 6, 3, 3, dtype=torch.float64), obj_ids)
