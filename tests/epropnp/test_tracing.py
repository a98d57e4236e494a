"""What a device, a compiler or a transform of torch asks of the layer; no device is needed."""

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from epropnp import (
    AdaptiveHuberPnPCost,
    EagerBackend,
    EProPnP4DoF,
    EProPnP6DoF,
    HuberPnPCost,
    LMSolver,
    MonteCarloPoseLoss,
    RSLMSolver,
    monte_carlo_pose_loss,
)
from epropnp.marginals import ground_density, yaw_density
from epropnp.posterior import laplace_log_evidence, pose_distribution
from pnp_scenes import scene, tilted

LAYERS = {4: EProPnP4DoF, 6: EProPnP6DoF}
ADAPTIVE = AdaptiveHuberPnPCost()


def layer(dof, samples=16, num_iter=2, **options):
    solver = LMSolver(dof, num_iter, init_solver=RSLMSolver(num_proposals=4), **options)
    return LAYERS[dof](samples, solver=solver, backend=EagerBackend())


def every_output(data, dof, setting=ADAPTIVE, head=None):
    """Training and inference."""
    net, head = layer(dof, normalize=True), head or MonteCarloPoseLoss()
    result = net.monte_carlo_forward(
        *data.correspondences, setting, data.pose, with_pose_opt_plus=True
    )
    loss = head(result.pose_sample_logweights, result.cost_target, norm_factor=1.5)
    (loss + result.pose_opt_plus.sum()).backward()
    solution = net(*data.correspondences, setting, fast_mode=True, with_pose_cov=True)
    tensors = [leaf for leaf in tree_leaves((result, solution)) if leaf is not None]
    return [*tensors, data.x3d.grad, data.w2d.grad]


def read_outs(data, dof):
    poses = pose_distribution(layer(dof), *data.correspondences, ADAPTIVE)
    return [
        poses.pose_opt, poses.log_density, poses.entropy, poses.log_prob(poses.pose_opt),
        laplace_log_evidence(poses), yaw_density(poses, 24).density,
        ground_density(poses, 5).density,
    ]  # fmt: skip


def transfer(data, move, gravity=None):
    camera = data.camera.bind(
        move(data.camera.cam_mats), move(torch.tensor([[620, 840]] * 3)), gravity=gravity
    )
    x3d, x2d, w2d = (move(t).detach().requires_grad_() for t in data[:3])
    return data._replace(x3d=x3d, x2d=x2d, w2d=w2d, camera=camera, pose=move(data.pose))


def to_meta(tensor):
    return tensor.to("meta")


@pytest.mark.parametrize("dof", [4, 6])
def test_the_host_never_waits_for_a_value(dof):
    """A fake tensor has no values: reading one, to branch or to index, raises."""
    mode = FakeTensorMode()
    data = transfer(scene(dof), mode.from_tensor)
    with mode:
        for tensor in every_output(data, dof):
            with pytest.raises(DataDependentOutputException):
                tensor.sum().item()


@pytest.mark.parametrize("dof", [4, 6])
def test_everything_stays_on_the_device_of_the_input(dof):
    data = transfer(scene(dof), to_meta, gravity=torch.eye(3, device="meta"))
    head = MonteCarloPoseLoss().to("meta")
    outputs = every_output(data, dof, head=head) + read_outs(data, dof)
    assert {tensor.device.type for tensor in outputs} == {"meta"}


class NoCopyFromHost(TorchDispatchMode):
    """Refuses to copy a tensor of the host to the device: it would stop CUDA graph capture."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        moved = isinstance(result, torch.Tensor) and result.device.type == "meta"
        if moved and function._schema.name in ("aten::_to_copy", "aten::copy_"):
            source = args[1] if function._schema.name == "aten::copy_" else args[0]
            assert source.device.type == "meta", f"{function} copies from the host"
        return result


@pytest.mark.parametrize("setting", [ADAPTIVE, HuberPnPCost(2.0)], ids=["adaptive", "fixed"])
@pytest.mark.parametrize("dof", [4, 6])
def test_no_number_is_copied_from_the_host(dof, setting):
    data = transfer(scene(dof), to_meta)
    head = MonteCarloPoseLoss().to("meta")
    with NoCopyFromHost():
        every_output(data, dof, setting, head)
        read_outs(data, dof)


def test_a_copy_from_the_host_would_be_seen():
    with NoCopyFromHost(), pytest.raises(AssertionError, match="copies from the host"):
        torch.as_tensor(2.0).to(torch.empty(3, device="meta"))


class NoMatrixUnit(TorchDispatchMode):
    """Refuses products whose precision is a mode of the process (TF32, bfloat16)."""

    products = ("mm", "bmm", "addmm", "baddbmm", "mv", "dot", "addmv", "linear", "matmul")

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function._schema.name.removeprefix("aten::")
        assert name not in self.products, f"{name} of {[tuple(a.shape) for a in args[:2]]}"
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("gravity", [False, True], ids=["level", "tilted"])
@pytest.mark.parametrize("dof", [4, 6])
def test_no_product_is_left_to_the_mode_of_the_matrix_unit(dof, gravity):
    data = scene(dof, noise=2.0, dtype=torch.float32)
    tilt = tilted(3, dtype=torch.float32) if gravity else None
    data = transfer(data, lambda tensor: tensor, tilt)
    with NoMatrixUnit():
        every_output(data, dof)
        read_outs(data, dof)


@pytest.mark.parametrize("dof", [4, 6])
def test_read_outs_do_not_notice_autocast(dof):
    data = scene(dof, noise=2.0, dtype=torch.float32)
    outputs = []
    for mixed in (False, True):
        torch.manual_seed(0)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed):
            outputs.append(read_outs(data, dof))
    for plain, mixed in zip(*outputs, strict=True):
        assert mixed.dtype == torch.float32
        assert torch.equal(plain, mixed)


def losses(data, dof, inputs, seed=0):
    """Monte Carlo loss (B,) with the random numbers of a seed, and the derivative step."""
    torch.manual_seed(seed)
    result = layer(dof).monte_carlo_forward(
        *inputs, data.camera, ADAPTIVE, data.pose, with_pose_opt_plus=True
    )
    loss = monte_carlo_pose_loss(result.pose_sample_logweights, result.cost_target)
    return loss + result.pose_opt_plus.square().sum(-1)


@pytest.mark.skipif(
    not hasattr(torch.compiler, "is_exporting"),
    reason="the tracer of torch 2.6 does not follow dataclasses.replace",
)
@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.slow
def test_forward_and_backward_trace_without_a_graph_break(dof):
    torch.compiler.reset()
    data, net = scene(dof, noise=2.0), layer(dof)

    def train(x3d, x2d, w2d):
        result = net.monte_carlo_forward(
            x3d, x2d, w2d, data.camera, ADAPTIVE, data.pose, with_pose_opt_plus=True
        )
        loss = monte_carlo_pose_loss(result.pose_sample_logweights, result.cost_target)
        return loss.sum() + result.pose_opt_plus.square().sum()

    gradients = []
    for function in (train, torch.compile(train, fullgraph=True, backend="eager")):
        inputs = [tensor.clone().requires_grad_() for tensor in data[:3]]
        torch.manual_seed(0)
        gradients.append(torch.autograd.grad(function(*inputs), inputs))
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dof", [4, 6])
def test_functional_gradients_are_those_of_autograd(dof):
    data = scene(dof, noise=2.0)
    inputs = [tensor.clone().requires_grad_() for tensor in data[:3]]
    expected = torch.autograd.grad(losses(data, dof, inputs).sum(), inputs)
    ours = torch.func.grad(lambda *t: losses(data, dof, t).sum(), (0, 1, 2))(*data[:3])
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-12)


def test_vmap_says_what_to_do_instead():
    data = scene(4, noise=2.0)
    stacked = data.x3d.expand(2, *data.x3d.shape)
    with pytest.raises(RuntimeError, match="put what vmap would map over into the axis of the obj"):
        torch.func.vmap(
            lambda x3d: losses(data, 4, (x3d, data.x2d, data.w2d)), randomness="different"
        )(stacked)
