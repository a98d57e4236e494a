"""One order for any number of processes, from any place."""

import itertools
import pickle

import numpy as np
import pytest
import torch

from epropnp_mm.order import Draw, ResumableSampler, SeededItems, draw_seed, item_generator


def make(rank=0, world_size=1, size=7, infinite=False, shuffle=True):
    sampler = ResumableSampler(range(size), shuffle=shuffle, infinite=infinite, seed=5)
    sampler.rank, sampler.world_size = rank, world_size
    return sampler


def draws(sampler, count=None):
    return [(int(draw), draw.seed) for draw in itertools.islice(sampler, count)]


@pytest.mark.parametrize("infinite", [False, True])
def test_processes_share_one_order(infinite):
    alone = draws(make(size=8, infinite=infinite), 16)
    dealt = [draws(make(rank, 2, 8, infinite), 8) for rank in (0, 1)]
    together = [draw for pair in zip(*dealt, strict=True) for draw in pair]
    assert together == alone
    assert sorted(index for index, _ in alone[:8]) == list(range(8))
    assert len({seed for _, seed in alone}) == len(alone)


def test_passes_differ_and_none_repeats_a_seed():
    sampler = make()
    first = draws(sampler)
    sampler.set_epoch(1)
    second = draws(sampler)
    assert [index for index, _ in first] != [index for index, _ in second]
    assert not {seed for _, seed in first} & {seed for _, seed in second}


@pytest.mark.parametrize("size", [1, 2, 7])
def test_uneven_shards_are_filled_up(size):
    shards = [draws(make(rank, 3, size)) for rank in range(3)]
    assert {len(shard) for shard in shards} == {len(make(0, 3, size))}
    assert {index for shard in shards for index, _ in shard} == set(range(size))


@pytest.mark.parametrize("infinite", [False, True])
def test_it_begins_anywhere_once(infinite):
    sampler = make(rank=1, world_size=2, infinite=infinite)
    whole = draws(sampler, 4)
    sampler.start = 4
    assert draws(sampler, 2) == whole[2:]
    assert draws(sampler, 4) == whole


def test_empty_data_are_refused():
    with pytest.raises(ValueError, match="empty"):
        ResumableSampler([], seed=0)


def test_draws_travel_to_workers():
    draw = pickle.loads(pickle.dumps(Draw(3, 8)))
    assert (draw, draw.seed, [10, 11, 12, 13][draw]) == (3, 8, 13)


class Base:
    def __getitem__(self, index):
        noise = np.random.rand(), float(torch.rand(()))  # noqa: NPY002
        generator = item_generator(1)
        return (*noise, None if generator is None else (generator.random(), generator.random()))


class Items(SeededItems, Base):
    pass


def test_items_follow_their_draw_and_leave_other_random_numbers_alone():
    items = Items()
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    first = torch.rand(1)
    one, again, other = items[Draw(0, 4)], items[Draw(5, 4)], items[Draw(0, 5)]
    assert one == again
    assert all(a != b for a, b in zip(one, other, strict=True))
    torch.testing.assert_close(torch.cat([first, torch.rand(1)]), expected, rtol=0, atol=0)
    assert items[0][2] is None


def test_seeds_are_spread():
    assert len({draw_seed(seed, place) for seed in range(30) for place in range(30)}) == 900
