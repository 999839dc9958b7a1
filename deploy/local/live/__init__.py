"""The running stack as a picture in the terminal: `make status`.

Each second the metrics of every process are read from its port, as Prometheus would read them; what two readings differ by is
what happened in between. Where nobody watches, the picture is printed once, as plain text.
"""
