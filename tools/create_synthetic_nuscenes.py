"""Generate a synthetic data set in the layout of nuScenes v1.0.

Example (the default set, about three minutes on two cores):

    python tools/create_synthetic_nuscenes.py data/nuscenes_synth

The result is read by nuscenes-devkit and by mmdet3d's converter like the real data set.
A second call with the same arguments finds it finished and does nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from epropnp_data.nuscenes.splits import VERSIONS
from epropnp_synth.generate import Settings, generate

DEFAULT_SCENES = {"v1.0-mini": 10, "v1.0-trainval": 20, "v1.0-test": 4}


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    default = Settings()
    parser.add_argument("out", type=Path, help="data root to create")
    parser.add_argument("--version", choices=VERSIONS, default=default.version)
    parser.add_argument(
        "--scenes", type=int, help=f"number of scenes; if not given, {DEFAULT_SCENES}"
    )
    parser.add_argument("--samples-per-scene", type=int, default=default.samples_per_scene)
    parser.add_argument(
        "--image-scale", type=float, default=default.image_scale, help="1 gives 1600x900 images"
    )
    parser.add_argument(
        "--camera-pitch", type=float, default=default.camera_pitch, help="degrees, looking down"
    )
    harder = parser.add_argument_group("harder to see")
    harder.add_argument(
        "--crowding", type=float, default=default.crowding, help="times as many standing objects"
    )
    harder.add_argument(
        "--object-scale", type=float, default=default.object_scale, help="factor of their sizes"
    )
    harder.add_argument(
        "--no-marks", action="store_true", help="no colours that tell front from back"
    )
    harder.add_argument(
        "--noise", type=float, default=default.noise, help="of the images, of full scale"
    )
    harder.add_argument("--blur", type=float, default=default.blur, help="pixels")
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    return parser.parse_args()


def main() -> None:
    """Generate, and say what happened."""
    args = parse_args()
    settings = Settings(
        version=args.version,
        scenes=args.scenes or DEFAULT_SCENES[args.version],
        samples_per_scene=args.samples_per_scene,
        image_scale=args.image_scale,
        seed=args.seed,
        camera_pitch=args.camera_pitch,
        crowding=args.crowding,
        object_scale=args.object_scale,
        marks=not args.no_marks,
        noise=args.noise,
        blur=args.blur,
    )
    # Each worker process gets one core; without this its matrix products would take them all.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    start = time.perf_counter()
    try:
        made = generate(args.out, settings, args.workers)
    except (FileExistsError, ValueError, ModuleNotFoundError) as error:
        sys.exit(f"create_synthetic_nuscenes: {error}")
    if made:
        print(f"made {args.out} ({settings}) in {time.perf_counter() - start:.0f} s")
    else:
        print(f"reused {args.out}: it was made with the same settings ({settings})")


if __name__ == "__main__":
    main()
