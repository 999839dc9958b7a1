"""What watches Holdfast: Prometheus with its rules, and Alertmanager. `make rules` checks and tests all of it."""
