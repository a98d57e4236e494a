"""Pictures show things where they are, and the same way round in every view."""

from dataclasses import replace

import numpy as np
import pytest

from epropnp_data.geometry.camera import project_points
from epropnp_results.pictures import (
    VIEWS,
    draw_boxes,
    draw_heading,
    draw_maps,
    draw_panels,
    draw_plane,
    draw_points,
    draw_result,
    draw_surround,
)
from epropnp_results.pictures.birds_eye import new_plane
from epropnp_results.pictures.boxes import draw_box, write_labels
from epropnp_results.pictures.heading import screen_direction
from epropnp_results.pictures.palette import CHOSEN, FOUND, TRUTH, viridis
from epropnp_results.records import corners
from epropnp_results.space import AROUND
from result_scenes import SIZE_WH, density_arrays, detection, make_image

COLOR = (0, 255, 0)
K = np.array(make_image(0).intrinsics)


def blank(scale=1):
    return np.zeros((scale * SIZE_WH[1], scale * SIZE_WH[0], 3), np.uint8)


def where(picture, color, tolerance=60):
    """Rows and columns of a colour."""
    return np.nonzero((np.abs(picture.astype(int) - color) < tolerance).all(-1))


def test_corners_of_the_drawing_are_those_of_the_box():
    image, box = blank(), detection("car", (0.5, 0.3, 12.0), 0.5, 0.9, 1.0)
    bounds = draw_box(image, box, K, COLOR, width=1)
    pixels = project_points(corners(box), K)
    np.testing.assert_allclose(bounds, [*pixels.min(0), *pixels.max(0)])
    rows, columns = np.nonzero(image[..., 1])
    np.testing.assert_allclose([columns.min(), rows.min()], pixels.min(0), atol=1.6)
    np.testing.assert_allclose([columns.max(), rows.max()], pixels.max(0), atol=1.6)


@pytest.mark.parametrize("place", [(0, 0, 0.0), (0, 0, 1.0), (0.3, 0, -1.0), (1e5, 0, 0.2)])
def test_boxes_around_the_camera_are_cut_at_the_near_plane(place):
    box = detection("car", place, 0.3, 0.9, 1.0)
    bounds = draw_box(blank(), box, K, COLOR, fill=True)
    assert bounds is None or np.isfinite(bounds).all()


def test_boxes_outside_leave_the_image_alone():
    for place in ((0, 0, -10.0), (60.0, 0, 10.0), (0, -40.0, 10.0)):
        image = blank()
        assert draw_box(image, detection("car", place, 0.3, 0.9, 1.0), K, COLOR) is None
        assert not image.any()


def test_images_may_be_smaller_or_larger_than_the_record():
    image = make_image(0, num_objects=1, truth=None)
    spans = []
    for scale in (1, 2):
        _rows, columns = where(draw_boxes(blank(scale), image), FOUND)
        spans.append(np.array([columns.min(), columns.max()]) / scale)
    np.testing.assert_allclose(spans[0], spans[1], atol=1.5)


def test_truth_and_found_have_their_colours():
    picture = draw_boxes(blank(), make_image(0))
    assert len(where(picture, FOUND)[0]) > 100
    assert len(where(picture, TRUTH)[0]) > 50
    assert not len(where(draw_boxes(blank(), make_image(0), with_truth=False), TRUTH)[0])


def test_labels_cover_no_other_and_the_best_comes_first():
    """Three boxes at one place: the best above, the next below, no room for the third."""
    bounds = np.array([100.0, 100, 160, 140])
    canvas = blank()
    labels = [(0.2, "car 0.20", bounds), (0.9, "car 0.90", bounds), (0.5, "car 0.50", bounds)]
    write_labels(canvas, labels, 12)
    rows = np.unique(where(canvas, FOUND)[0])
    assert rows.min() > 80
    assert ((rows < 101) | (rows > 140)).all()
    alone = blank()
    write_labels(alone, labels[1:2], 12)
    np.testing.assert_array_equal(alone[:120], canvas[:120])


def test_small_images_are_enlarged():
    image = make_image(0, width=320, height=180)
    small = np.zeros((180, 320, 3), np.uint8)
    assert draw_result(small, image, {}, ("boxes",)).shape == (360, 640, 3)


def test_forward_is_up_and_right_is_right():
    plane = new_plane((400, 400), 40.0, around=True)
    np.testing.assert_allclose(plane.pixels((0, 40)), [200, 0])
    np.testing.assert_allclose(plane.pixels((40, 0)), [400, 200])
    right = make_image(0, objects=[detection("car", (8.0, 1.0, 20.0), 0.0, 0.9, 1.0)], truth=None)
    rows, columns = where(draw_plane([right], [{}], (400, 400), reach=40.0), FOUND)
    scale = 0.94 * 400 / 40
    assert (columns.min() + columns.max()) / 2 == pytest.approx(200 + 8 * scale, abs=2)
    assert (rows.min() + rows.max()) / 2 == pytest.approx(0.94 * 400 - 20 * scale, abs=2)


def test_density_lies_along_the_line_of_sight():
    image = make_image(0, objects=[detection("car", (9.0, 1.0, 12.0), 0.0, 0.9, 1.0)], truth=None)
    arrays = density_arrays(image.objects)
    empty = draw_plane([replace(image, objects=[])], [{}], (500, 500), reach=30.0)
    cloud = draw_plane([image], [arrays], (500, 500), reach=30.0).astype(int) - empty
    rows, columns = np.nonzero(np.abs(cloud).sum(-1) > 60)
    scale, origin = 0.94 * 500 / 30, np.array([250, 0.94 * 500])
    places = (np.stack([columns, rows], 1) - origin) / scale
    spread = np.linalg.svd(places - places.mean(0), full_matrices=False)
    direction = spread[2][0] * np.sign(spread[2][0][0])
    sight = np.array([9.0, -12.0]) / 15  # screen: right, down
    assert spread[1][0] > 1.3 * spread[1][1]
    assert abs(direction @ sight) > 0.97


@pytest.mark.parametrize("yaw", [-np.pi / 2, 0.0, 0.7, 2.5])
def test_polar_plot_turns_as_the_birds_eye_view_does(yaw):
    image = make_image(0, objects=[detection("car", (0.0, 1.0, 12.0), yaw, 0.9, 1.0)], truth=None)
    density = density_arrays(image.objects)["yaw_density"][0]
    picture = draw_heading(image, 0, density, side=240)
    rows, columns = where(picture[20:], CHOSEN, 40)
    far = np.hypot(columns - 120, rows + 20 - 120).argmax()
    needle = np.array([columns[far] - 120, rows[far] + 20 - 120])
    footprint = corners(image.objects[0])
    ahead = (footprint[4:].mean(0) - footprint.mean(0))[[0, 2]] * (1, -1)
    np.testing.assert_allclose(
        needle / np.linalg.norm(needle), ahead / np.linalg.norm(ahead), atol=0.05
    )
    np.testing.assert_allclose(
        screen_direction(image, yaw), ahead / np.linalg.norm(ahead), atol=1e-9
    )


def test_points_show_weights_and_coordinates():
    image = make_image(0, num_objects=1, truth=None)
    arrays = density_arrays(image.objects)
    arrays["points_image"][:] = (100.0, 100.0)
    arrays["points_image"][0, 3] = (300.5, 200.5)
    arrays["weights"][:] = 0.1
    arrays["weights"][0, 3] = (1.0, 0.0)
    strong = viridis(np.array(1.0))
    assert (draw_points(blank(), image, arrays)[200, 300] == strong).all()
    assert (draw_points(blank(), image, arrays, "across")[200, 300] == strong).all()
    assert (draw_points(blank(), image, arrays, "down")[200, 300] == viridis(np.array(0.0))).all()
    arrays["points_object"][0, 3] = np.array(image.objects[0].size) * (0.5, 0.0, -0.5)
    coordinate = draw_points(blank(), image, arrays, "coordinate")[200, 300]
    np.testing.assert_allclose(coordinate, (0, 127, 255), atol=1)  # blue z, green y, red x
    with pytest.raises(ValueError, match="'colour'"):
        draw_points(blank(), image, arrays, "colour")
    assert not draw_points(blank(), image, {}).any()


def test_maps_are_bright_where_the_weight_is():
    """One strong point across at a known place of the object's box, attention at another."""
    image = make_image(0, num_objects=1, truth=None)  # its 2D box: 10, 20 to 110, 90
    arrays = density_arrays(image.objects)
    arrays["weights"][:] = 0
    arrays["weights"][0, 0] = (1.0, 0.0)
    arrays["weights"][0, 1] = (0.0, 1.0)
    arrays["points_image"][0, :2] = (60, 55), (85, 55)
    arrays["attention"] = arrays["weights"][..., 1]
    tiles = draw_maps(blank(), image, arrays, 0, 160).astype(int).reshape(160, 3, 160, 3)
    brightest = [tiles[20:, i].sum(-1).argmax() for i in range(3)]
    columns, rows = np.array(brightest) % 160, np.array(brightest) // 160 + 20
    scale = 160 / (100 * 1.6)  # the box and its margins
    np.testing.assert_allclose(columns, 80 + scale * np.array([0, 25, 25]), atol=2)
    np.testing.assert_allclose(rows, 80, atol=2)


@pytest.mark.parametrize("views", [("boxes",), ("bev",), ("density", "heading"), VIEWS])
def test_views_side_by_side(views):
    image = make_image(0)
    picture = draw_result(blank(), image, density_arrays(image.objects), views)
    assert picture.shape[0] == SIZE_WH[1]
    widths = SIZE_WH[0] + 360 * bool({"bev", "density"} & set(views)) + 90 * ("heading" in views)
    widths += 180 * ("maps" in views) + 90 * ("panels" in views)  # across and down; one panel
    assert picture.shape[1] == widths


def test_panels_of_one_object_fill_lines_in_their_order():
    """Widths 60, 120, 60 and 60: one line, or two of 180; the shortest, not the first that fits."""
    arrays = {f"panel_{name}": np.full((1, 30, 30 * (1 + (name == "b")), 3), 40 + 50 * i, np.uint8)
              for i, name in enumerate("abcd")}  # fmt: skip
    row = draw_panels(arrays, 0, 60)
    assert row[50, [30, 120, 210, 270], 0].tolist() == [40, 90, 140, 190]
    lines = draw_panels(arrays, 0, 120, lines=2)
    assert lines.shape == (120, 180, 3)
    assert lines[50, [30, 120], 0].tolist() == [40, 90]
    assert lines[110, [30, 90], 0].tolist() == [140, 190]
    assert draw_panels({}, 0, 60).shape == (60, 0, 3)


def test_pictures_without_objects_and_unknown_views():
    image = make_image(0, objects=[], truth=None)
    draw_result(blank(), image, density_arrays([]))
    with pytest.raises(ValueError, match="'sky'"):
        draw_result(blank(), image, {}, ("sky",))


def test_surround_has_cameras_in_place_and_what_is_behind_below():
    names = ["CAM_BACK", "CAM_FRONT", "CAM_FRONT_LEFT", "CAM_FRONT_RIGHT", "CAM_BACK_LEFT"]
    names.append("CAM_BACK_RIGHT")
    axes = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])  # camera -> ego of a camera ahead
    back = np.eye(4)
    back[:3, :3] = np.diag([-1.0, -1, 1]) @ axes
    ahead = np.eye(4)
    ahead[:3, :3] = axes
    results, images = [], []
    for value, name in enumerate(names):
        pose = back if name == "CAM_BACK" else ahead
        objects = [detection("car", (0.0, 1.0, 20.0), 0.0, 0.9, 1.0)] if name == "CAM_BACK" else []
        results.append(
            make_image(0, camera=name, camera_to_ego=pose.tolist(), objects=objects, truth=None)
        )
        images.append(np.full((SIZE_WH[1], SIZE_WH[0], 3), 20 * value + 20, np.uint8))
    picture = draw_surround(images, results, [{}] * 6, width=320)
    assert picture.shape == (360, 960 + 360, 3)
    tiles = [picture[row + 90, column + 20, 0] for row in (0, 180) for column in (0, 320, 640)]
    expected = [names.index(name) * 20 + 20 for name in AROUND]
    assert tiles == expected
    rows, _ = where(picture[20:340, 960:], FOUND)
    assert rows.min() + 20 > 190  # below the vehicle
