"""PROCESS: the operator's hands."""
