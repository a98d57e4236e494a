"""Parts of `run_study.py`: what a study is, its runs, its rows and tables."""
