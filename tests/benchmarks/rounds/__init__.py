"""Every figure of fine-tuning in the window by one command: `python -m tests.benchmarks.rounds NAME`."""
