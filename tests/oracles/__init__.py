"""Foreign programs read what is exported here, each in an environment of its own."""
