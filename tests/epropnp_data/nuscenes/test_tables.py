"""The table writer alone: links, tokens, and refusal of bad ground truth."""

import json
from dataclasses import replace

import pytest

from epropnp_data.geometry.poses import Pose
from epropnp_data.nuscenes.records import (
    BoxAnnotation,
    Keyframe,
    Log,
    Reading,
    Scene,
    SensorCalibration,
)
from epropnp_data.nuscenes.tables import TABLE_NAMES, build_tables, write_tables

POSE = Pose.from_yaw(0.1, 1.0, 2.0)
BOX = BoxAnnotation("a", "vehicle.car", POSE, (4.0, 2.0, 1.5), ("vehicle.parked",), 3, 7)


def make_scene(boxes_per_frame):
    frames = tuple(
        Keyframe(1000 * i, (Reading("LIDAR_TOP", f"samples/{i}.pcd.bin", 1000 * i, POSE),), boxes)
        for i, boxes in enumerate(boxes_per_frame)
    )
    log = Log("log", "car", "2020-01-01", "nowhere", "maps/m.png")
    return Scene("scene-0061", "", log, (SensorCalibration("LIDAR_TOP", POSE),), frames)


def test_boxes_of_an_instance_are_linked_in_order_across_gaps():
    tables = build_tables("v1.0-mini", [make_scene([(BOX,), (), (BOX,)])])
    first, second = tables["sample_annotation"]
    assert (first["prev"], first["next"]) == ("", second["token"])
    assert (second["prev"], second["next"]) == (first["token"], "")
    (instance,) = tables["instance"]
    assert instance["nbr_annotations"] == 2
    assert first["size"] == [2.0, 4.0, 1.5]  # w, l, h
    assert first["visibility_token"] == "3"


def test_unknown_visibility_and_attribute_are_empty():
    box = replace(BOX, visibility=None, attributes=())
    (record,) = build_tables("v1.0-mini", [make_scene([(box,)])])["sample_annotation"]
    assert record["visibility_token"] == ""
    assert record["attribute_tokens"] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"category": "vehicle.spaceship"}, "vehicle.spaceship"),
        ({"attributes": ("vehicle.flying",)}, "vehicle.flying"),
        ({"attributes": ("vehicle.parked", "vehicle.moving")}, "at most one"),
    ],
)
def test_bad_box_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        build_tables("v1.0-mini", [make_scene([(replace(BOX, **change),)])])


def test_reading_without_calibration_is_refused():
    scene = replace(make_scene([(BOX,)]), calibrations=())
    with pytest.raises(ValueError, match="LIDAR_TOP"):
        build_tables("v1.0-mini", [scene])


def test_scene_names_must_differ():
    with pytest.raises(ValueError, match="twice"):
        build_tables("v1.0-mini", [make_scene([()]), make_scene([()])])


def test_thirteen_files_are_written(tmp_path):
    folder = write_tables(tmp_path, "v1.0-mini", [make_scene([(BOX,)])])
    assert sorted(p.stem for p in folder.glob("*.json")) == sorted(TABLE_NAMES)
    tokens = [r["token"] for p in folder.glob("*.json") for r in json.loads(p.read_text())]
    assert len(tokens) == len(set(tokens))
