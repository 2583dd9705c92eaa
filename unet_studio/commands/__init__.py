"""The headless twins of the window, one file a command; `table.COMMANDS` lists them."""
