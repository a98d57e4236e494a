"""Compile mmcv once per Python, torch and machine type, and keep the wheel for every later clone.

mmcv 2.1.0 has no wheel for current torch versions, but its source compiles. The build needs
torch in sight (no build isolation), setuptools < 82, and takes about ten minutes on two cores.
An interrupted build goes on where it stopped.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from epropnp_tools.console import CommandFailed, clock, locked, run_logged, say

BYTES_PER_JOB = 2 * 1024**3  # one compiler process on a file of mmcv
PROBE = """
import json, platform, sys, torch
print(json.dumps(dict(
    python=f"cp{sys.version_info[0]}{sys.version_info[1]}", torch=torch.__version__,
    cuda=torch.version.cuda, system=platform.system().lower(), machine=platform.machine(),
    headers=__import__("sysconfig").get_paths()["include"])))
"""


class Target(NamedTuple):
    """What a compiled wheel depends on."""

    python: str
    torch: str
    cuda: str | None
    system: str
    machine: str
    headers: str

    @property
    def with_cuda(self) -> bool:
        """CUDA ops are compiled where torch has CUDA and the compiler is there."""
        return self.cuda is not None and shutil.which("nvcc") is not None

    @property
    def key(self) -> str:
        """Folder name in the cache."""
        ops = "cuda" if self.with_cuda else "cpu"
        return f"{self.python}-torch{self.torch}-{ops}-{self.system}_{self.machine}"


def cache_dir() -> Path:
    """Folder for wheels, shared by all clones (``EPROPNP_CACHE`` moves it)."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("EPROPNP_CACHE") or Path(base) / "epropnp")


def probe_target(python: Path) -> Target:
    """Ask an interpreter with torch what a wheel for it depends on."""
    answer = subprocess.run([str(python), "-c", PROBE], capture_output=True, text=True, check=True)
    return Target(**json.loads(answer.stdout))


def check_compiler(target: Target) -> None:
    """Fail now with the remedy rather than after minutes of building."""
    if not any(shutil.which(name) for name in (os.environ.get("CXX", "c++"), "g++")):
        raise CommandFailed("no C++ compiler found: install one, e.g. `apt install g++`")
    if not (Path(target.headers) / "Python.h").is_file():
        raise CommandFailed(
            f"no Python.h in {target.headers}: install the headers, e.g. `apt install python3-dev`"
        )


def cached_wheel(folder: Path, version: str) -> Path | None:
    """The finished wheel in a cache folder, if any."""
    return next(iter(sorted(folder.glob(f"mmcv-{version}-*.whl"))), None)


def ensure_wheel(python: Path, version: str, log: Path) -> Path:
    """Wheel of mmcv for this interpreter and its torch, compiled if the cache has none.

    Args:
        python: interpreter of the environment, with torch, setuptools < 82, wheel and ninja.
        version: mmcv version.
        log: file for the compiler output.

    Raises:
        CommandFailed: without a compiler, or when the build fails.
    """
    target = probe_target(python)
    folder = cache_dir() / "wheels" / target.key
    with locked(cache_dir() / "wheels" / f"{target.key}.lock"):
        wheel = cached_wheel(folder, version)
        if wheel is not None:
            say(f"  mmcv {version}: compiled before, using {wheel}")
            return wheel
        check_compiler(target)
        source = fetch_source(python, version, cache_dir() / "build" / target.key, log)
        built = compile_wheel(python, target, source, log)
        folder.mkdir(parents=True, exist_ok=True)
        os.replace(built, folder / built.name)  # the same file system: all or nothing
        shutil.rmtree(source.parent)
        return folder / built.name


def fetch_source(python: Path, version: str, folder: Path, log: Path) -> Path:
    """Unpacked source archive of mmcv, kept until its wheel is finished."""
    source = folder / f"mmcv-{version}"
    if (source / ".complete").is_file():
        say(f"  mmcv {version}: going on with the build in {source}")
        return source
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = [str(python), "-m", "pip", "download", "--no-deps", "--no-build-isolation"]
    command += ["--no-binary", "mmcv", "--dest", str(folder), f"mmcv=={version}"]
    run_logged("download of the mmcv source", command, log)
    with tarfile.open(next(folder.glob("mmcv-*.tar.gz"))) as archive:
        if hasattr(tarfile, "data_filter"):
            archive.extractall(folder, filter="data")
        else:
            archive.extractall(folder, members=plain_members(archive))
    (source / ".complete").touch()
    return source


def plain_members(archive: tarfile.TarFile) -> list[tarfile.TarInfo]:
    """Files and folders of an archive, for Pythons whose tarfile does not check names itself.

    Raises:
        CommandFailed: one of them lies outside of the folder that it is unpacked into.
    """
    members = [member for member in archive if member.isfile() or member.isdir()]
    for member in members:
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts:
            raise CommandFailed(f"{archive.name}: names the file {member.name!r}, outside of it")
    return members


def parallel_jobs() -> int:
    """Compiler processes that the cores and the free memory allow."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    except (ValueError, OSError):
        return cores or 1
    return max(1, min(cores or 1, free // BYTES_PER_JOB))


def build_environment(target: Target) -> dict[str, str]:
    """Environment variables of the build."""
    env = dict(os.environ, MMCV_WITH_OPS="1", MAX_JOBS=str(parallel_jobs()))
    if target.with_cuda:
        env["FORCE_CUDA"] = "1"
    else:
        env.update(FORCE_CUDA="0", CUDA_VISIBLE_DEVICES="")
    return env


def count_sources(source: Path, with_cuda: bool) -> int:
    """Number of files the build will compile."""
    operators = source / "mmcv" / "ops" / "csrc" / "pytorch"
    patterns = ["*.cpp", "cpu/*.cpp"] + (["cuda/*.cu", "cuda/*.cpp"] if with_cuda else [])
    return sum(len(list(operators.glob(pattern))) for pattern in patterns)


def compile_wheel(python: Path, target: Target, source: Path, log: Path) -> Path:
    """Build the wheel in the source folder and report the files compiled so far."""
    total = count_sources(source, target.with_cuda)

    def count_objects() -> int:
        return sum(1 for _ in source.glob("build/**/*.o"))

    before = count_objects()

    def progress(seconds: float) -> str:
        done = count_objects()
        fresh = done - before
        left = seconds / fresh * (total - done) if fresh > 2 else None
        rest = "" if left is None else f", about {clock(left)} left"
        return f"{done}/{total} files compiled{rest}"

    env = build_environment(target)
    env["PATH"] = str(python.parent) + os.pathsep + env["PATH"]  # ninja of the environment
    say(f"  mmcv must be compiled once for {target.key}: {total} files, {env['MAX_JOBS']} at once")
    command = [str(python), "-m", "pip", "wheel", "--verbose", "--no-cache-dir", "--no-deps"]
    command += ["--no-build-isolation", "--wheel-dir", str(source.parent / "wheel"), str(source)]
    run_logged("compiling mmcv", command, log, env=env, progress=progress)
    return next((source.parent / "wheel").glob("mmcv-*.whl"))
