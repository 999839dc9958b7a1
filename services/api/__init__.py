"""PROCESS: HTTP in, JSON out."""
