"""States of all random numbers of a process, as plain values that safe loading reads."""

import random

import numpy as np
import torch

RandomState = dict[str, object]


def random_state() -> RandomState:
    """State of the random numbers of Python, numpy and torch, of the GPU too if there is one."""
    name, keys, position, has_gauss, gauss = np.random.get_state()  # noqa: NPY002
    state = {
        "python": random.getstate(),
        "numpy": (name, keys.tolist(), position, has_gauss, gauss),
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def set_random_state(state: RandomState) -> None:
    """Go on with the random numbers of a state."""
    random.setstate(state["python"])
    name, keys, *others = state["numpy"]
    np.random.set_state((name, np.array(keys, np.uint32), *others))  # noqa: NPY002
    torch.set_rng_state(state["torch"].cpu())
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"].cpu())
