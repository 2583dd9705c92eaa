"""The headless twins of the window, one file a command; `unet_studio.cli.COMMANDS` lists them."""
