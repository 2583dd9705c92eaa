"""The dock panels around the canvas."""
