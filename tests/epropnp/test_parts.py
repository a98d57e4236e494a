"""A batch in parts adds up to the batch."""

import pytest
import torch

from epropnp.parts import PartSums, mean_over_parts

SHARES = [torch.tensor([1.0, 0.0]), torch.tensor([2.0, 0.0]), torch.tensor([4.5, 0.0])]


def test_one_part_is_the_batch():
    torch.testing.assert_close(mean_over_parts(SHARES[2]), SHARES[2])
    torch.testing.assert_close(mean_over_parts(SHARES[2], at_least=2.0), torch.tensor([4.5, 2.0]))


def test_pieces_use_what_all_have_noted():
    sums = PartSums(3)
    for share in SHARES:
        with sums.noting():
            mean_over_parts(share)
            mean_over_parts(share[:1] * 2)
    sums.add_processes()
    for share in SHARES:
        with sums.using():
            torch.testing.assert_close(mean_over_parts(share, at_least=3.0), torch.tensor([2.5, 1]))
            torch.testing.assert_close(mean_over_parts(share[:1] * 2), torch.tensor([5.0]))
    torch.testing.assert_close(mean_over_parts(SHARES[0]), SHARES[0])  # no pieces any more


def test_processes_are_added(monkeypatch):
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 4)
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda total: total.add_(6.0))
    share = torch.tensor(2.0)
    assert mean_over_parts(share) == pytest.approx(8 / 4)
    assert share == 2
    sums = PartSums(2)
    for _ in range(2):
        with sums.noting():
            mean_over_parts(share)
    sums.add_processes()
    with sums.using():
        assert mean_over_parts(share) == pytest.approx(10 / 8)
