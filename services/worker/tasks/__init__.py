"""What workers do: one file for each kind of work with the outside world."""
