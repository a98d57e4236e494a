"""Errors and scores of a real BOP submission against recorded numbers of the official toolkit."""

import json

import numpy as np
import pytest

from epropnp_6dof.bop import read_object_model, read_results, read_scene, read_targets
from epropnp_6dof.evaluation.bop_evaluation import (
    evaluate_estimates,
    select_targets,
    truths_of_images,
)
from epropnp_6dof.metrics import accuracy_table

SUBMISSION = "cnos-fastsammegapose_lmo-test_16ab01bd-f020-4194-9750-d42fc7f875d2.csv"
GROUND_TRUTH = "gt-pbrreal-rgb-mmodel_lmo-test_lmo.csv"
pytestmark = pytest.mark.slow  # nearest neighbours of 1445 targets
OBJECTS = (1, 5, 6, 8, 9, 10, 11, 12)
FIELDS = {  # name in the record -> attribute of PoseErrors, factor from metres
    "add": ("add", 1e3),
    "adi": ("adi", 1e3),
    "mssd": ("mssd", 1e3),
    "mspd": ("mspd", 1),
    "proj": ("proj", 1),
    "re": ("rotation_deg", 1),
    "te": ("translation", 1e3),
}


@pytest.fixture(scope="module")
def lmo(reference_dir):
    return reference_dir / "real" / "lmo"


@pytest.fixture(scope="module")
def evaluate(lmo):
    models = {i: read_object_model(lmo / "models_eval", i) for i in OBJECTS}
    images = read_scene(lmo / "test" / "000002", on_disk_only=False)
    truths = truths_of_images(images, image_width=640)
    targets = read_targets(lmo / "test_targets_bop19.json")

    def run(name):
        estimates = read_results(lmo / "results" / name)
        return evaluate_estimates(estimates, truths, models, targets, fold_symmetries=False)

    run.targets = select_targets(truths, targets)
    return run


@pytest.fixture(scope="module")
def submission(evaluate):
    return evaluate(SUBMISSION)


@pytest.fixture(scope="module")
def record(lmo):
    return json.loads((lmo / "derived" / "toolkit_reference_errors.json").read_text())


@pytest.mark.parametrize("field", FIELDS)
def test_errors_of_every_target_equal_the_toolkit(field, evaluate, submission, record):
    order = [(truth.im_id, truth.obj_id) for truth in evaluate.targets]
    assert order == [(row["im_id"], row["obj_id"]) for row in record["rows"]]
    attribute, factor = FIELDS[field]
    expected = np.array([row.get(field, np.inf) for row in record["rows"]])
    ours = np.array([getattr(error, attribute) * factor for error in submission.errors])
    assert np.isinf(expected).sum() == record["summary"]["n_missing"]
    np.testing.assert_array_equal(np.isinf(ours), np.isinf(expected))
    found = np.isfinite(expected)
    np.testing.assert_allclose(ours[found], expected[found], rtol=1e-6)  # record has 6 decimals


def test_scores_of_the_submission_equal_the_toolkit(lmo, submission):
    expected = json.loads((lmo / "results" / "EXPECTED.json").read_text())[SUBMISSION]
    ours = {
        "bop19_average_recall_mssd": submission.recall_mssd.mean,
        "bop19_average_recall_mspd": submission.recall_mspd.mean,
        "bop24_mAP_mssd": submission.precision_mssd.mean,
        "bop24_mAP_mspd": submission.precision_mspd.mean,
    }
    assert ours == pytest.approx({key: expected[key] for key in ours}, rel=1e-12)


def test_scores_of_the_ground_truth_file_equal_the_toolkit(lmo, evaluate):
    expected = json.loads((lmo / "results" / "EXPECTED.json").read_text())[GROUND_TRUTH]
    truth = evaluate(GROUND_TRUTH)
    assert truth.precision_mssd.mean == pytest.approx(expected["bop24_mAP_mssd"], rel=1e-12)
    assert truth.precision_mspd.mean == pytest.approx(expected["bop24_mAP_mspd"], rel=1e-12)
    assert truth.recall_mssd.mean == truth.recall_mspd.mean == 1


def test_accuracies_equal_the_toolkit(submission, record):
    table = accuracy_table(submission.errors)
    counts = np.array([table[i]["count"] for i in OBJECTS])
    summary = record["summary"]
    for column, key in [
        ("add_0.02d", "ADD(-S)_0.02d"),
        ("add_0.05d", "ADD(-S)_0.05d"),
        ("add_0.1d", "ADD(-S)_0.1d"),
        ("proj_5px", "proj_5px"),
        ("5deg5cm", "5cm5deg"),
    ]:
        overall = np.average([table[i][column] for i in OBJECTS], weights=counts)
        assert overall == pytest.approx(100 * summary[key], rel=1e-9), column
    for key, value in summary["per_object_ADD(-S)_0.1d"].items():
        assert table[int(key)]["add_0.1d"] == pytest.approx(100 * value, rel=1e-9)
