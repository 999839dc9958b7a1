"""What people do with accounts of their own, over HTTP."""

import httpx

from tests.support.api import Client

NAME = "Ann Other"
PASSWORD = "a lamp under a tree"


async def register(client: Client, email: str, password: str = PASSWORD, full_name: str = NAME, **headers: str) -> httpx.Response:
    body = {"email": email, "password": password, "full_name": full_name}
    return await client.http.post("/v1/auth/register", json=body, headers=headers)


async def verify(client: Client, token: str) -> httpx.Response:
    return await client.http.post("/v1/auth/verify-email", json={"token": token})


async def sign_in(client: Client, email: str, password: str = PASSWORD) -> httpx.Response:
    return await client.http.post("/v1/auth/token", data={"grant_type": "password", "username": email, "password": password})


async def forget(client: Client, email: str, **headers: str) -> httpx.Response:
    return await client.http.post("/v1/auth/forgot-password", json={"email": email}, headers=headers)


async def reset(client: Client, token: str, new_password: str) -> httpx.Response:
    return await client.http.post("/v1/auth/reset-password", json={"token": token, "new_password": new_password})


async def change(client: Client, current_password: str, new_password: str, **headers: str) -> httpx.Response:
    body = {"current_password": current_password, "new_password": new_password}
    return await client.http.post("/v1/auth/change-password", json=body, headers=headers)


async def refresh(client: Client, refresh_token: str) -> httpx.Response:
    return await client.http.post("/v1/auth/refresh", json={"refresh_token": refresh_token})


def bearer(signed_in: httpx.Response) -> dict[str, str]:
    return {"Authorization": f"Bearer {signed_in.json()['access_token']}"}
