"""Steps of the demo: run once, go on after an interruption, run again when something changed."""

import sys
from dataclasses import replace

import pytest

from epropnp_tools.console import CommandFailed
from epropnp_tools.steps import Step, run_steps


def script(code):
    return [sys.executable, "-c", code]


@pytest.fixture
def steps(tmp_path):
    """Two steps that append a line to a file of their own; the second copies the first."""
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    append = "open({0!r}, 'a').write('line\\n')"
    return [
        Step("first", "write", script(append.format(str(first))), first),
        Step("second", "write again", script(append.format(str(second))), second),
    ]


def lines(step):
    return len(step.output.read_text().splitlines())


def test_second_run_reuses_and_says_so(tmp_path, steps, capsys):
    run_steps(steps, tmp_path / "steps")
    capsys.readouterr()
    run_steps(steps, tmp_path / "steps")
    printed = capsys.readouterr().out
    assert printed.count("done before") == 2
    assert str(steps[1].output) in printed
    assert [lines(step) for step in steps] == [1, 1]


def test_a_changed_step_is_run_anew_with_all_after_it(tmp_path, steps):
    run_steps(steps, tmp_path / "steps")
    before = [step.output.stat().st_mtime_ns for step in steps]
    run_steps([replace(steps[0], depends="another config"), steps[1]], tmp_path / "steps")
    after = [step.output.stat().st_mtime_ns for step in steps]
    assert all(new > old for new, old in zip(after, before, strict=True))
    assert [lines(step) for step in steps] == [1, 1]  # old outputs were removed first


def test_a_lost_output_is_made_again(tmp_path, steps):
    run_steps(steps, tmp_path / "steps")
    steps[1].output.unlink()
    run_steps(steps, tmp_path / "steps")
    assert lines(steps[1]) == 1


@pytest.mark.parametrize(("resumable", "expected"), [(True, 2), (False, 1)])
def test_an_interrupted_step_goes_on_only_if_it_can(tmp_path, steps, resumable, expected):
    """The step writes its line and fails on the first run."""
    output, flag = steps[0].output, tmp_path / "flag"
    code = (
        f"import os; open({str(output)!r}, 'a').write('line\\n')\n"
        f"if not os.path.exists({str(flag)!r}): open({str(flag)!r}, 'w'); raise SystemExit(1)"
    )
    step = Step("first", "write", script(code), output, resumable=resumable)
    with pytest.raises(CommandFailed):
        run_steps([step], tmp_path / "steps")
    run_steps([step], tmp_path / "steps")
    assert lines(step) == expected


def test_what_took_long_is_set_aside_when_it_is_run_anew(tmp_path, steps, capsys):
    """A changed config must not cost the training that was made with the old one."""
    step = replace(steps[0], resumable=True)
    for number in range(3):
        run_steps([replace(step, depends=f"config {number}")], tmp_path / "steps")
        step.output.write_text(f"trained {number}\n")
    aside = tmp_path / "first.txt.before"
    assert aside.read_text() == "trained 1\n"
    assert str(aside) in capsys.readouterr().out


def test_files_of_others_are_not_removed(tmp_path, steps):
    """An output that no earlier run made stays, whatever the command does with it."""
    steps[0].output.write_text("precious\n")
    run_steps(steps[:1], tmp_path / "steps")
    assert "precious" in steps[0].output.read_text()


def test_only_chosen_lines_are_shown_and_all_are_kept(tmp_path, capsys):
    output = tmp_path / "out"
    code = f"open({str(output)!r}, 'w'); print('noise'); print('Epoch(train) 1')"
    run_steps([Step("a", "speak", script(code), output, show="Epoch")], tmp_path / "steps")
    printed = capsys.readouterr().out
    assert "Epoch(train) 1" in printed
    assert "noise" not in printed
    assert "noise" in (tmp_path / "steps" / "a.log").read_text()


def test_failure_shows_the_end_of_the_output(tmp_path):
    step = Step("a", "fail", script("raise ValueError('the reason')"), tmp_path / "x", show="^$")
    with pytest.raises(CommandFailed, match="the reason"):
        run_steps([step], tmp_path / "steps")


def test_a_step_without_its_output_failed(tmp_path):
    with pytest.raises(CommandFailed, match="without writing"):
        run_steps([Step("a", "idle", script("pass"), tmp_path / "x")], tmp_path / "steps")
