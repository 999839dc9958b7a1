"""The documentation page: Swagger UI, vendored, so that it works without the internet and under a strict policy."""
