"""What can be run out of the box: for each, a module and a TOML file of its name."""
