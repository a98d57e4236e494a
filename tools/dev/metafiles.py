"""Write ``metafile.yml`` of every family of configs, the index that OpenMMLab's mim reads.

python tools/dev/metafiles.py        # after adding, renaming or removing a config
"""

from pathlib import Path

import yaml

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
PAPER = {
    "Title": "EPro-PnP: Generalized End-to-End Probabilistic Perspective-n-Points for Monocular "
    "Object Pose Estimation",
    "URL": "https://arxiv.org/abs/2203.13254",
}
COLLECTIONS = {
    "baselines": {
        "Name": "Baselines",
        "Metadata": {"Training Data": "nuScenes"},
        "README": "docs/swap_heads.md",
    },
    "epropnp_6dof": {
        "Name": "EPro-PnP-6DoF",
        "Metadata": {"Training Data": "LineMOD, LM-O", "Architecture": ["EPro-PnP 6DoF"]},
        "Paper": PAPER,
        "README": "docs/sixdof.md",
    },
    "epropnp_det": {
        "Name": "EPro-PnP-Det",
        "Metadata": {"Training Data": "nuScenes", "Architecture": ["EPro-PnP 4DoF"]},
        "Paper": PAPER,
        "README": "docs/training.md",
    },
}


def metafile(family: str) -> str:
    """Content of a family's metafile."""
    models = [
        {
            "Name": path.relative_to(CONFIGS / family).with_suffix("").as_posix().replace("/", "_"),
            "In Collection": COLLECTIONS[family]["Name"],
            "Config": path.relative_to(CONFIGS.parent).as_posix(),
        }
        for path in sorted((CONFIGS / family).rglob("*.py"))
    ]
    content = {"Collections": [COLLECTIONS[family]], "Models": models}
    return yaml.safe_dump(content, sort_keys=False, width=100)


def main() -> None:
    """Write all of them."""
    for family in COLLECTIONS:
        (CONFIGS / family / "metafile.yml").write_text(metafile(family))


if __name__ == "__main__":
    main()
