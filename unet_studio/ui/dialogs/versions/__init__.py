"""The window of versions: a table of the models, what they are called, what can be done with them."""
