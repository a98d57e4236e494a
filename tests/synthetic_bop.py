"""Small generated BOP data sets for tests."""

from pathlib import Path

from epropnp_synth.bop import SyntheticBOPSettings, generate_bop

ASYMMETRIC = ("house", "bird", "bracket")


def make_bop(root: Path, objects=ASYMMETRIC, num_train=4, num_test=2, seed=0) -> Path:
    """Generate a data set of a few images."""
    settings = SyntheticBOPSettings(
        objects=tuple(objects), num_train=num_train, num_test=num_test, seed=seed
    )
    generate_bop(root, settings)
    return root
