import pytest

from epropnp import EProPnP4DoF, EProPnP6DoF, LMSolver, RSLMSolver, TrustRegion
from epropnp.builder import build
from epropnp.fitting import PublishedFit
from epropnp.proposals import QuaternionProposals, YawProposals

PUBLISHED = {
    "mc_samples": 128,
    "num_iter": 4,
    "normalize": True,
    "solver": {
        "type": "LMSolver",
        "num_iter": 10,
        "normalize": True,
        "init_solver": {
            "type": "RSLMSolver",
            "num_points": 16,
            "num_proposals": 64,
            "num_iter": 3,
        },
    },
}


@pytest.mark.parametrize("layer", [EProPnP4DoF, EProPnP6DoF])
def test_a_published_config_block_builds(layer):
    built = build({"type": layer.__name__, **PUBLISHED}, (EProPnP4DoF, EProPnP6DoF))
    assert isinstance(built, layer)
    assert built.solver.dof == layer.dof
    assert (built.solver.num_iter, built.solver.normalize) == (10, True)
    assert built.solver.init_solver == RSLMSolver(layer.dof, 16, 64, 3)
    assert (built.sampler.num_samples, built.sampler.num_iter) == (128, 4)
    assert PUBLISHED["solver"]["type"] == "LMSolver"  # the config itself is left alone


def test_classes_may_be_given_instead_of_names():
    solver = build({"type": LMSolver, "trust_region": {"eps": 1e-3}}, (LMSolver,), dof=6)
    assert solver.dof == 6
    assert solver.trust_region == TrustRegion(eps=1e-3)


def test_anything_but_a_dict_is_left_alone():
    solver = LMSolver()
    assert build(solver, (LMSolver,), dof=6) is solver
    assert build(None, (LMSolver,)) is None


@pytest.mark.parametrize("config", [{"num_iter": 3}, {"type": "SGD"}, {"type": dict}])
def test_an_unknown_type_is_named(config):
    with pytest.raises(ValueError, match=r"must be one of \['LMSolver'\]"):
        build(config, (LMSolver,))


def test_a_contradiction_is_named():
    with pytest.raises(ValueError, match="dof=6 in config .* must be 4"):
        build({"type": "LMSolver", "dof": 6}, (LMSolver,), dof=4)


def test_a_solver_for_other_poses_is_refused():
    with pytest.raises(ValueError, match="EProPnP6DoF needs a solver with dof=6, got 4"):
        EProPnP6DoF(solver=LMSolver(dof=4))


def test_an_unknown_argument_is_refused():
    with pytest.raises(TypeError, match="num_steps"):
        build({"type": "LMSolver", "num_steps": 3}, (LMSolver,))


def test_published_rules_can_be_chosen_in_a_config():
    layer = EProPnP4DoF(proposals={"type": "YawProposals", "rule": {"type": "PublishedFit"}})
    assert layer.sampler.proposals == YawProposals(PublishedFit())
    assert EProPnP6DoF(proposals={"type": "QuaternionProposals"}).sampler.proposals == (
        QuaternionProposals()
    )
