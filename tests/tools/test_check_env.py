"""tools/check_env.py names what is missing, broken or of a wrong version, with the remedy."""

import check_env
from check_env import Package, between


def package(module, low="0", high="99", **fields):
    return Package(module, f"{low} up to {high}", between(low, high), "pip install it", **fields)


def test_versions_compare_as_numbers():
    assert check_env.parse("2.13.0+cpu") == (2, 13, 0)
    assert between("2.1", "3")((2, 13, 0))
    assert not between("2.0.0", "2.2.0")((2, 2, 0))


def test_a_good_package_passes(capsys):
    assert check_env.report(package("numpy", "1.22", "99"))
    assert "ok       numpy" in capsys.readouterr().out


def test_a_missing_package_comes_with_its_remedy(capsys):
    assert not check_env.report(package("no_such_package_at_all"))
    printed = capsys.readouterr().out
    assert "MISSING" in printed
    assert "pip install it" in printed


def test_a_wrong_version_is_told_from_a_missing_one(capsys):
    assert not check_env.report(package("numpy", "90"))
    printed = capsys.readouterr().out
    assert "WRONG    numpy" in printed
    assert "wanted 90" in printed


def test_a_package_that_does_not_work_is_broken(capsys):
    assert not check_env.report(package("json", extra="raise OSError('libGL.so.1')"))
    assert "BROKEN" in capsys.readouterr().out


def test_this_environment_is_ready(capsys):
    """The tests run in an environment that the tool calls ready."""
    wanted = [entry for entry in check_env.REQUIRED if entry.module in ("torch", "mmcv", "mmdet3d")]
    assert all(check_env.report(entry) for entry in wanted), capsys.readouterr().out
