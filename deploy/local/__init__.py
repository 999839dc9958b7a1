"""The whole stack on one machine, without Docker and without root: `make up`."""
