"""Run tests as other processors would: narrower instructions, other kernels, one and two threads.

    python tools/dev/processors.py                        # the whole suite in every lane
    python tools/dev/processors.py tests/epropnp -x       # arguments are pytest's
    python tools/dev/processors.py tests/epropnp -k golden --processors sse native --threads 1

The libraries choose their kernels by the processor they find; each has a variable that limits the
choice. A lane sets them all, so that sums run in the order they would take on such a machine.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

REPO = Path(__file__).resolve().parents[2]
PROCESSORS = {
    "sse": ("default", "SSE41", "COMPATIBLE", "Nehalem", "AVX2 AVX512F", "nehalem", ""),
    "avx2": ("avx2", "AVX2", "AVX2", "Haswell", "AVX512F", "haswell", ""),
    "avx512": ("avx512", "AVX512_CORE", "AVX512", "SkylakeX", "", "skylake-avx512", ""),
    "native": None,  # whatever the libraries choose here
}
VARIABLES = (
    "ATEN_CPU_CAPABILITY",
    "ONEDNN_MAX_CPU_ISA",
    "MKL_CBWR",
    "OPENBLAS_CORETYPE",
    "NPY_DISABLE_CPU_FEATURES",
    "NUMBA_CPU_NAME",
    "NUMBA_CPU_FEATURES",  # beyond those of the name
)
ROW = "{:8s} {:>7}  {:12s} {}"
PROBE = "import torch; print(torch.backends.cpu.get_cpu_capability())"


class Lane(NamedTuple):
    """One run of the tests: name of the processor, number of threads."""

    processor: str
    threads: int

    def environment(self) -> dict[str, str]:
        """Variables of the run."""
        chosen = PROCESSORS[self.processor]
        limits = {} if chosen is None else dict(zip(VARIABLES, chosen, strict=True))
        return {**os.environ, **limits, "OMP_NUM_THREADS": str(self.threads)}

    def capability(self) -> str:
        """What torch reports in this lane, for example AVX2."""
        command = [sys.executable, "-c", PROBE]
        done = subprocess.run(
            command, env=self.environment(), capture_output=True, text=True, check=True
        )
        return done.stdout.strip()


def run(lane: Lane, pytest_args: list[str]) -> tuple[str, list[str]]:
    """Pytest's closing line and the tests that failed."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *pytest_args]
    process = subprocess.Popen(
        command, cwd=REPO, env=lane.environment(), stdout=subprocess.PIPE, text=True
    )
    failed, closing = [], "pytest ended without a result"
    for line in process.stdout:
        if line.startswith(("FAILED", "ERROR")):
            failed.append(line.strip())
        if re.search(r"\d+ (passed|failed|error|skipped|deselected).* in [\d.]+s", line):
            closing = line.strip(" =\n")
    if process.wait() and not failed:
        failed.append(f"pytest exited with {process.returncode}")
    return closing, failed


class Outcome(NamedTuple):
    """What became of a lane: the lane, what torch reports, pytest's closing line, failed tests."""

    lane: Lane
    capability: str
    closing: str
    failed: list[str]

    def __str__(self) -> str:
        row = ROW.format(self.lane.processor, self.lane.threads, self.capability, self.closing)
        return "\n".join((row, *(f"    {line}" for line in self.failed)))


def table(outcomes: list[Outcome]) -> str:
    """All lanes, one a row, with the tests that failed below each."""
    return "\n".join((ROW.format("lane", "threads", "torch", "tests"), *map(str, outcomes)))


def main(argv: list[str] | None = None) -> int:
    """Run all lanes; exit status 1 if a test failed in any of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--processors", nargs="+", choices=PROCESSORS, default=list(PROCESSORS))
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    args, pytest_args = parser.parse_known_args(argv)
    outcomes = []
    for lane in (Lane(p, t) for p in args.processors for t in args.threads):
        outcomes.append(Outcome(lane, lane.capability(), *run(lane, pytest_args)))
        print(outcomes[-1], flush=True)
    print("", table(outcomes), sep="\n")
    return int(any(outcome.failed for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
