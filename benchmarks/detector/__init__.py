"""Parts of `bench_detector.py`."""
