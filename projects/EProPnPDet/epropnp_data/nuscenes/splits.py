"""Official scene names of each data set version."""

from __future__ import annotations

MINI_TRAIN = (
    "scene-0061", "scene-0553", "scene-0655", "scene-0757",
    "scene-0796", "scene-1077", "scene-1094", "scene-1100",
)  # fmt: skip
MINI_VAL = ("scene-0103", "scene-0916")

VERSIONS = ("v1.0-mini", "v1.0-trainval", "v1.0-test")


def official_splits(version: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Scene names of the training and the validation split; the test split counts as training.

    The long lists are read from the installed nuscenes-devkit, the short ones are kept here so
    that the default set can be made without it.

    Raises:
        ValueError: no such version.
        ModuleNotFoundError: nuscenes-devkit is missing.
    """
    if version == "v1.0-mini":
        return MINI_TRAIN, MINI_VAL
    if version not in VERSIONS:
        raise ValueError(f"version must be one of {VERSIONS}, got {version!r}")
    from nuscenes.utils import splits

    if version == "v1.0-test":
        return tuple(splits.test), ()
    return tuple(splits.train), tuple(splits.val)


def choose_scene_names(version: str, count: int) -> list[str]:
    """``count`` official names, at least one fifth of them (and one) for validation.

    Raises:
        ValueError: the version does not have so many scenes, or a split would stay empty.
    """
    train, val = official_splits(version)
    least = 1 if not val else 2
    if not least <= count <= len(train) + len(val):
        raise ValueError(f"{version} takes {least} to {len(train) + len(val)} scenes, got {count}")
    num_val = 0 if not val else min(len(val), max(1, round(count / 5)))
    num_val = max(num_val, count - len(train))
    return [*train[: count - num_val], *val[:num_val]]
