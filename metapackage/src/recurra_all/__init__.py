"""The metapackage of recurra: installing it brings the core and the bundled plugins."""
