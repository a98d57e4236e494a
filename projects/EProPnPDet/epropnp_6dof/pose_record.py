"""A found pose as plain numbers for JSON."""

import numpy as np

from .inference import ObjectPose


def pose_record(found: ObjectPose) -> dict:
    """Pose, and uncertainty where the solver knows it.

    Keys: ``image``, ``obj_id``, ``score``, ``box`` (x, y, w, h), ``valid``, ``rotation`` (3x3,
    object to camera), ``translation`` (metres), ``covariance`` (6x6: metres, then rotation vector
    in radians about the camera's axes), ``std_translation`` (metres), ``std_rotation_deg``.
    """
    record = dict(
        image=str(found.target.image_path),
        obj_id=found.target.obj_id,
        score=found.target.score,
        box=[float(value) for value in found.target.box],
        valid=found.valid,
        rotation=found.pose.rotation.tolist(),
        translation=found.pose.translation.tolist(),
    )
    if found.covariance is None:
        return record
    deviation = np.sqrt(np.diag(found.covariance))
    return record | dict(
        covariance=found.covariance.tolist(),
        std_translation=deviation[:3].tolist(),
        std_rotation_deg=np.degrees(deviation[3:]).tolist(),
    )
