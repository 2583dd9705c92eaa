"""Long trials, run by hand: python -m pytest tests/soak --soak."""
