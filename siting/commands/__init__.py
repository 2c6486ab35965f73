"""Commands of the command line, a module each; `siting.cli` registers them."""
