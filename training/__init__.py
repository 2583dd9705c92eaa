"""Training of U-Nets: python -m training RUN."""
