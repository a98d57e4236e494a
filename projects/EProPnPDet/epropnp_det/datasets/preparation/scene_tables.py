"""The nuScenes tables as if they held some of the scenes alone."""

from nuscenes.nuscenes import NuScenes

KEYFRAMES_PER_SHARD = 160  # about four scenes, half a minute of one core


class SceneTables:
    """Lists the scenes and keyframes of a few scenes; everything else is as in all tables.

    Args:
        nusc: all tables.
        scenes: tokens.
    """

    def __init__(self, nusc: NuScenes, scenes: frozenset[str]) -> None:
        self._nusc = nusc
        self.scene = [record for record in nusc.scene if record["token"] in scenes]
        self.sample = [record for record in nusc.sample if record["scene_token"] in scenes]

    def __getattr__(self, name: str) -> object:
        """Anything that is not listed above."""
        return getattr(self._nusc, name)


def scene_shards(nusc: NuScenes) -> list[frozenset[str]]:
    """Tokens of all scenes, a few at a time."""
    shards: list[set[str]] = [set()]
    count = 0
    for scene in nusc.scene:
        if count >= KEYFRAMES_PER_SHARD:
            shards.append(set())
            count = 0
        shards[-1].add(scene["token"])
        count += scene["nbr_samples"]
    return [frozenset(shard) for shard in shards]
