"""PROCESSES: Celery in, commands out; and the relay, which feeds it."""
