"""Every figure of the training module by one command: `python -m tests.benchmarks.recipes NAME`."""
