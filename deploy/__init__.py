"""Ways of running Holdfast: one folder for each."""
