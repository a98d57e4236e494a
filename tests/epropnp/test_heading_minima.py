"""Minima of the quadratic form over headings, against a scan of the circle and autograd."""

import math

import pytest
import torch

from epropnp.heading_minima import heading_curve, heading_minima
from epropnp.linear_start import algebraic_cost
from pnp_scenes import cost_of, scene, tilted

OBJECTS, SCAN = 12, 3600


def form_of(gravity, **kwargs):
    tilt = tilted(OBJECTS) if gravity else None
    return algebraic_cost(cost_of(scene(4, OBJECTS, 12, gravity=tilt, **kwargs), 4, gravity=tilt))


def scanned(form):
    """Values (SCAN, B) of the form at the best poses of headings all around, and their depths."""
    heading = torch.arange(SCAN, dtype=torch.float64) * (2 * math.pi / SCAN)
    pose = torch.zeros(SCAN, OBJECTS, 4, dtype=torch.float64)
    pose[..., 3] = heading[:, None]
    pose[..., :3] = form.place(form.manifold.rotation_matrix(pose))
    return form.value(pose), pose[..., 2]


@pytest.mark.parametrize("gravity", [False, True])
def test_curve_is_the_form_at_the_best_poses(gravity):
    form = form_of(gravity, noise=3.0)
    heading = torch.linspace(-4.0, 4.0, 7, dtype=torch.float64).unsqueeze(-1).expand(7, OBJECTS)
    curve = heading_curve(form)
    pose = curve.pose(heading)
    place = form.place(form.manifold.rotation_matrix(pose))
    torch.testing.assert_close(pose[..., :3], place, rtol=1e-9, atol=1e-9)
    cos, sin = heading.cos(), heading.sin()
    torch.testing.assert_close(curve.depth(cos, sin), place[..., 2], rtol=1e-9, atol=1e-9)
    expected, found = form.value(pose), curve.value(cos, sin)
    scale = expected.amax(0)
    assert ((found - found[:1] - (expected - expected[:1])).abs() < 1e-9 * scale).all()


def test_step_is_that_of_newton():
    curve = heading_curve(form_of(False, noise=3.0, seed=1))
    heading = torch.linspace(0.0, 6.0, 40, dtype=torch.float64).unsqueeze(-1).repeat(1, OBJECTS)
    heading.requires_grad_()
    value = curve.value(heading.cos(), heading.sin()).sum()
    (slope,) = torch.autograd.grad(value, heading, create_graph=True)
    (bend,) = torch.autograd.grad(slope.sum(), heading)
    newton = torch.where(bend > 0, -slope / bend, 0.0).clamp(-math.pi / 16, math.pi / 16)
    assert (bend < 0).any()
    torch.testing.assert_close(curve.step(heading), newton)


@pytest.mark.parametrize("gravity", [False, True])
def test_lowest_minima_of_the_circle_are_found(gravity):
    form = form_of(gravity, noise=8.0, seed=2)
    value, depth = scanned(form)
    lowest = (value < value.roll(1, 0)) & (value <= value.roll(-1, 0)) & (depth > 0)
    found = heading_minima(form, 2, 6)
    assert (found[..., 3].abs() < 1.1 * math.pi).all()
    at = (found[..., 3] * (SCAN / (2 * math.pi))).round().long() % SCAN
    for obj in range(OBJECTS):
        places = lowest[:, obj].nonzero().squeeze(-1)
        wanted = places[value[places, obj].argsort()][:2].tolist()
        assert 1 <= len(wanted) <= 2
        for place, one in zip(wanted, at[:, obj].tolist(), strict=False):
            assert min(abs(place - one), SCAN - abs(place - one)) <= 1
        if len(wanted) == 1:
            assert torch.equal(found[0, obj], found[1, obj])
    assert (lowest.sum(0) == 2).any()
    assert (lowest.sum(0) == 1).any()


def test_objects_without_a_minimum_are_no_trouble():
    form = form_of(False, seed=3)
    broken = form.form.clone()
    broken[1] = 0.0
    broken[2] = math.nan
    found = heading_minima(form.with_leaves({"form": broken}), 3, 5)
    assert found.shape == (3, OBJECTS, 4)
    others = torch.arange(OBJECTS) > 2
    assert torch.equal(found[:, others], heading_minima(form, 3, 5)[:, others])
    assert found.isfinite().all()
    assert torch.equal(found[:, 1], torch.zeros(3, 4, dtype=torch.float64))
