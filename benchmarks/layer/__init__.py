"""Parts of `bench_layer.py`."""
