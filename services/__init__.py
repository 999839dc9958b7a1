"""Holdfast: an inventory and reservation API that cannot oversell."""
