"""Tokens that we never gave, each wrong in one way and right in every other, signatures included."""

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from services.inventory.accounts.keys import derive
from services.runtime.settings import Settings

Json = dict[str, Any]

CLAIMS = ("iss", "aud", "sub", "jti", "iat", "nbf", "exp", "sid", "role")
_PUBLIC_KEY = b"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n"


@dataclass(frozen=True, slots=True)
class Genuine:
    """A token of ours, taken apart, with the key that signs it."""

    text: str
    header: Json
    claims: Json
    key: bytes
    secret: bytes

    @classmethod
    def of(cls, text: str, settings: Settings) -> "Genuine":
        header, claims = jwt.get_unverified_header(text), jwt.decode(text, options={"verify_signature": False})
        secret = settings.token_secret.get_secret_value().encode()
        return cls(text, header, claims, derive(secret, header["kid"]), secret)


Forge = Callable[[Genuine], str]


def signed(header: Json, claims: Json, key: bytes, digest: str = "sha256") -> str:
    """A token with a right signature, whatever it says."""
    return signed_text(json.dumps(header), json.dumps(claims), key, digest)


def signed_text(header: str, claims: str, key: bytes, digest: str = "sha256") -> str:
    said = b".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=") for part in (header, claims))
    return (said + b"." + base64.urlsafe_b64encode(hmac.digest(key, said, digest)).rstrip(b"=")).decode()


def _claims(**wrong: object) -> Forge:
    return lambda genuine: signed(genuine.header, genuine.claims | wrong, genuine.key)


def _without(claim: str) -> Forge:
    return lambda genuine: signed(genuine.header, {name: value for name, value in genuine.claims.items() if name != claim}, genuine.key)


def _shifted(**seconds: float) -> Forge:
    """With these instants, counted from the one at which the genuine token was issued."""

    def forge(genuine: Genuine) -> str:
        start = genuine.claims["nbf"]
        return signed(genuine.header, genuine.claims | {claim: start + shift for claim, shift in seconds.items()}, genuine.key)

    return forge


def _header(*, digest: str = "sha256", **wrong: object) -> Forge:
    return lambda genuine: signed(genuine.header | wrong, genuine.claims, genuine.key, digest)


def _keyed(key: Callable[[Genuine], bytes], **header: object) -> Forge:
    return lambda genuine: signed(genuine.header | header, genuine.claims, key(genuine))


def _unsigned(**header: object) -> Forge:
    return lambda genuine: signed(genuine.header | header, genuine.claims, genuine.key).rpartition(".")[0] + "."


def _text(change: Callable[[str], str]) -> Forge:
    return lambda genuine: change(genuine.text)


def _swapped_end(text: str) -> str:
    """The same signature to a lenient reader: the last two bits are padding."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) ^ 1]


FORGERIES: Mapping[str, Forge] = {
    **{f"without {claim}": _without(claim) for claim in CLAIMS},
    "of another issuer": _claims(iss="somebody"),
    "of several issuers": _claims(iss=["holdfast"]),
    "for another audience": _claims(aud="another-api"),
    "for several audiences": _claims(aud=["holdfast-api", "another-api"]),
    "for a list of one audience": _claims(aud=["holdfast-api"]),
    "of a subject that is no id": _claims(sub="7"),
    "of a subject that is a number": _claims(sub=7),
    "of nobody": _claims(sub=None),
    "of a subject in braces": _claims(sub="{00000000-0000-0000-0000-000000000007}"),
    "of a subject in capitals": _claims(sub="0197A3F0-0000-7000-8000-00000000000A"),
    "of an unknown role": _claims(role="root"),
    "of a list of roles": _claims(role=["admin"]),
    "of no role": _claims(role=None),
    "of a role in capitals": _claims(role="ADMIN"),
    "with a jti that is a number": _claims(jti=7),
    "with a jti that is no id": _claims(jti="7"),
    "of no session": _claims(sid=None),
    "of a session that is no id": _claims(sid="8"),
    "with a claim more": _claims(token_use="access"),
    "issued at a text": _claims(iat="1795316564"),
    "issued at true": _claims(iat=True),
    "issued at no number": _claims(iat=float("nan")),
    "issued before 1970": _claims(iat=-1, nbf=-1, exp=899),
    "issued at the end of time": _claims(iat=1e300, nbf=10**300, exp=10**300 + 900),
    "ending never": _claims(exp="never"),
    "ending at infinity": _claims(exp=float("inf")),
    "ending at a fraction": _shifted(exp=900.0),
    "beginning at a fraction": _shifted(nbf=0.5),
    "that lives for a year": _shifted(exp=31_536_000),
    "that ended": _shifted(iat=-901, nbf=-901, exp=-1),
    "that ended long ago": _shifted(iat=-90_000, nbf=-90_000, exp=-89_100),
    "of tomorrow": _shifted(iat=86_400, nbf=86_400, exp=87_300),
    "that begins later than it was issued": _shifted(nbf=60),
    "of another type": _header(typ="JWT"),
    "for refreshing": _header(typ="refresh+jwt"),
    "of no type": _header(typ=None),
    "under another key's name": _header(kid="another"),
    "under a file's name": _header(kid="../../../dev/null"),
    "under a statement": _header(kid="' UNION SELECT 'x"),
    "under no name": _header(kid=None),
    "under a number": _header(kid=7),
    "under a list": _header(kid=["a"]),
    "signed by nothing": _unsigned(alg="none"),
    "signed by NONE": _unsigned(alg="NONE"),
    "signed by nothing, says HS256": _unsigned(),
    "without a third part": _text(lambda text: text.rpartition(".")[0]),
    "with a fourth part": _text(lambda text: text + ".e30"),
    "by HS512": _header(alg="HS512", digest="sha512"),
    "by HS384": _header(alg="HS384", digest="sha384"),
    "by RS256": _header(alg="RS256"),
    "by ES256": _header(alg="ES256"),
    "by EdDSA": _header(alg="EdDSA"),
    "by a list of algorithms": _header(alg=["HS256"]),
    "by no algorithm": _header(alg=None),
    "by hs256 in small letters": _header(alg="hs256"),
    "with something critical": _header(crit=["exp"]),
    "with nothing critical": _header(crit=[]),
    "with a payload that is not encoded": _header(b64=False, crit=["b64"]),
    "compressed": _header(zip="DEF"),
    "with a key of its own": _keyed(lambda _: b"\0" * 32, jwk={"kty": "oct", "k": "AAAA"}),
    "with the address of a key": _keyed(lambda _: b"\0" * 32, jku="http://evil.example"),
    "with the address of a certificate": _keyed(lambda _: b"\0" * 32, x5u="http://evil.example"),
    "by an empty key": _keyed(lambda _: b""),
    "by a key of zeros": _keyed(lambda _: b"\0" * 32),
    "by the secret itself": _keyed(lambda genuine: genuine.secret),
    "by its key's name": _keyed(lambda genuine: genuine.header["kid"].encode()),
    "by a public key": _keyed(lambda _: _PUBLIC_KEY),
    "by the key of another name": _keyed(lambda genuine: derive(genuine.secret, "another")),
    "whose claims are a list": lambda genuine: signed_text(json.dumps(genuine.header), "[]", genuine.key),
    "whose claims are nothing": lambda genuine: signed_text(json.dumps(genuine.header), "", genuine.key),
    "whose claims are no JSON": lambda genuine: signed_text(json.dumps(genuine.header), "{", genuine.key),
    "whose header is a list": lambda genuine: signed_text("[]", json.dumps(genuine.claims), genuine.key),
    "that is deep": lambda genuine: signed_text(json.dumps(genuine.header), "[" * 1_500, genuine.key),
    "whose header is deep": lambda genuine: signed_text("[" * 1_500, json.dumps(genuine.claims), genuine.key),
    "with a long number": lambda genuine: signed_text(json.dumps(genuine.header), '{"iat": ' + "9" * 1_500 + "}", genuine.key),
    "that is long": _text(lambda text: text + "x" * (4_000 - len(text))),
    "with padding": _text(lambda text: text + "="),
    "with another end": _text(_swapped_end),
    "with a letter more": _text(lambda text: text + "A"),
    "with a letter less": _text(lambda text: text[:-1]),
    "with its parts in another order": _text(lambda text: ".".join(reversed(text.split(".")))),
    "with a blank in it": _text(lambda text: text.replace(".", ". ", 1)),
    "in quotes": _text(lambda text: f'"{text}"'),
    "in standard base64": _text(lambda text: "+/" + text[2:]),
    "with a letter of another alphabet": _text(lambda text: "é" + text[1:]),
    "twice": _text(lambda text: f"{text} {text}"),
    "of nothing but dots": _text(lambda _: ".."),
    "of null": _text(lambda _: "bnVsbA.bnVsbA.bnVsbA"),
    "of one letter": _text(lambda _: "x"),
}
