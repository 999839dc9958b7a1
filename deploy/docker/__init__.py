"""Holdfast in containers: one image for every process, and the compose file beside the Makefile that runs all of them."""
