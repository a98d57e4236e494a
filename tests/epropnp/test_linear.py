import numpy as np
import pytest
import torch

from epropnp import linear


def spd(num=5, dim=4, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    factor = torch.randn(num, dim, dim + 3, generator=generator, dtype=torch.float64)
    return (factor @ factor.mT).to(dtype)


def bad_batch():
    matrix = spd()
    matrix[1] = -matrix[1]
    matrix[2, 0, 0] = torch.nan
    matrix[3, 1, 1] = torch.inf
    return matrix


def test_solve_and_inverse_agree_with_numpy():
    matrix, vector = spd(), torch.randn(5, 4, dtype=torch.float64)
    expected = np.linalg.solve(matrix.numpy(), vector.numpy()[..., None])[..., 0]
    np.testing.assert_allclose(linear.solve(matrix, vector), expected, rtol=1e-9)
    result, solved = linear.inverse(matrix)
    np.testing.assert_allclose(result, np.linalg.inv(matrix.numpy()), rtol=1e-9)
    assert solved.all()


def test_a_failed_system_has_no_step_and_leaves_the_others_alone():
    vector = torch.ones(5, 4, dtype=torch.float64)
    solution = linear.solve(bad_batch(), vector)
    assert (solution[[1, 2, 3]] == 0).all()
    torch.testing.assert_close(solution[[0, 4]], linear.solve(spd(), vector)[[0, 4]])
    result, solved = linear.inverse(bad_batch())
    assert solved.tolist() == [True, False, False, False, True]
    assert torch.equal(result[1], torch.eye(4, dtype=torch.float64))


def test_gradients_pass_the_good_systems_and_stop_at_the_failed_ones():
    matrix, vector = bad_batch().requires_grad_(), torch.ones(5, 4, dtype=torch.float64)
    linear.solve(matrix, vector).sum().backward()
    assert matrix.grad.isfinite().all()
    assert (matrix.grad[1] == 0).all()
    alone = spd()[:1].requires_grad_()
    linear.solve(alone, vector[:1]).sum().backward()
    torch.testing.assert_close(matrix.grad[:1], alone.grad)


def test_solve_is_differentiable():
    vector = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)

    def solve(factor, vector):
        return linear.solve(factor @ factor.mT, vector)

    factor = torch.randn(2, 3, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(solve, (factor, vector))


def test_solve_and_its_jacobian_are_those_of_single_systems():
    """`torch.func` maps over the systems, as over a batch."""
    matrix, vector = spd(), torch.randn(5, 4, dtype=torch.float64)
    single = torch.func.vmap(linear.solve)(matrix, vector)
    torch.testing.assert_close(single, linear.solve(matrix, vector))
    jacobian = torch.func.vmap(torch.func.jacrev(linear.solve, 1))(matrix, vector)
    torch.testing.assert_close(jacobian, torch.linalg.inv(matrix))


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e4, 1e12])
def test_damping_makes_a_singular_float32_matrix_solvable(scale):
    direction = torch.tensor([[1.0, 2.0, -1.0, 0.5]])
    matrix = scale * direction.mT @ direction
    result, solved = linear.inverse(linear.damped(matrix[None]))
    assert solved.all()
    assert result.isfinite().all()


def test_damping_is_the_published_one_where_that_is_seen():
    matrix = spd()
    expected = matrix + 1e-5 * torch.eye(4, dtype=torch.float64)
    assert torch.equal(linear.damped(matrix), expected)


def test_no_systems():
    assert linear.solve(torch.zeros(0, 4, 4), torch.zeros(0, 4)).shape == (0, 4)
