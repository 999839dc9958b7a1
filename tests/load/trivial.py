"""The least that FastAPI can do: one route that returns the bytes which it was started with. Measurements compare ours with it."""

import os

from fastapi import FastAPI, Response

BODY = os.environ.get("TRIVIAL_BODY", "").encode()

app = FastAPI()


@app.get("/v1/products/{key}")
async def read(key: str) -> Response:  # noqa: ARG001  # of a path like ours
    return Response(BODY, media_type="application/json")
