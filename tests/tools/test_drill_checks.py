"""What the drills compare with: each check notices what it is there for."""

import json

import pytest
import torch
from mmengine.logging import HistoryBuffer

from drills.data import read_checkpoint
from drills.detections import without_times
from drills.divided import TOLERANCE, compare_losses
from drills.frame import DrillError
from drills.killed_tools import compare_folders
from drills.soak import MAX_GROWTH, Watch


def record(folder, rank, images, loss):
    folder.mkdir(exist_ok=True)
    line = json.dumps({"step": 0, "images": images, "losses": {"loss": loss}})
    (folder / f"steps_{rank}.jsonl").write_text(line + "\n")


@pytest.fixture
def runs(tmp_path):
    """One process with the images a and b, two with one of them each; their mean loss is 3."""
    record(tmp_path / "one", 0, ["a", "b"], 3.0)
    record(tmp_path / "two", 0, ["b"], 2.0)
    record(tmp_path / "two", 1, ["a"], 4.0)
    return tmp_path / "one", tmp_path / "two"


def test_the_mean_of_two_processes_is_compared(runs):
    assert compare_losses(*runs, (0, 1)) == 0.0
    record(runs[1], 1, ["a"], 4.0 + 6 * TOLERANCE * 0.9)
    assert compare_losses(*runs, (0, 1)) == pytest.approx(0.9 * TOLERANCE, rel=1e-6)


@pytest.mark.parametrize(
    ("images", "loss", "message"),
    [
        (["a"], 4.0 + 6 * TOLERANCE * 1.1, r"step 0: loss is 3\.0.*, expected 3"),
        (["b"], 4.0, "images .'b', 'b'., expected .'a', 'b'."),
    ],
)
def test_other_losses_and_images_are_noticed(runs, images, loss, message):
    record(runs[1], 1, images, loss)
    with pytest.raises(DrillError, match=message):
        compare_losses(*runs, (0, 1))


def test_files_that_differ_or_are_left_are_noticed(tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    for folder in (whole, cut):
        folder.mkdir()
        (folder / "a.pkl").write_text("a")
    assert compare_folders(whole, cut, ("*.pkl",)) == 1
    (cut / "b.part").write_text("half")
    with pytest.raises(DrillError, match="left over: .'b.part'"):
        compare_folders(whole, cut, ("*.pkl",))
    (cut / "a.pkl").write_text("other")
    with pytest.raises(DrillError, match=r"1 of 1 files differ, first .'a\.pkl'"):
        compare_folders(whole, cut, ("*.pkl",))
    with pytest.raises(DrillError, match="0 of 0 files differ"):
        compare_folders(whole, cut, ("*.json",))


@pytest.mark.parametrize(("memory", "files"), [(2 * MAX_GROWTH, 0), (0, 3)])
def test_growth_is_noticed(memory, files):
    watch = Watch()
    watch.looks = [(100.0, 5)] * 12
    assert watch.outcome(12, "steps").passed == 12
    watch.looks = [*watch.looks[:8], *[(100.0 + memory, 5 + files)] * 4]
    with pytest.raises(DrillError, match="12 steps: 100 MiB and 5 open files in the second"):
        watch.outcome(12, "steps")


def test_times_are_not_compared():
    assert without_times("scene_id,im_id,time\n1,2,0.5\n") == "scene_id,im_id\n1,2\n"
    assert without_times('{"results": 1}') == '{"results": 1}'


def test_checkpoints_are_read_without_the_packages_of_their_networks(tmp_path):
    content = {"message_hub": {"loss": HistoryBuffer([1.0, 2.0], [1, 1])}}
    torch.save(content, tmp_path / "a.pth")
    allowed = torch.serialization.get_safe_globals()
    torch.serialization.clear_safe_globals()  # as in an interpreter that loaded torch alone
    try:
        history = read_checkpoint(tmp_path / "a.pth")["message_hub"]["loss"]
    finally:
        torch.serialization.add_safe_globals(allowed)
    assert history.data[0].tolist() == [1.0, 2.0]
