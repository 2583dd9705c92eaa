"""The headless commands, one file a command."""
