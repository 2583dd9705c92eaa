"""The table of how much two model versions differ on each validation image."""
