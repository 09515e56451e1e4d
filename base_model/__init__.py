"""How the base model that ships with Charloom is made: `make base-model`."""
