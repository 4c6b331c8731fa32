"""The one secret of the journal: from it come the key of the digests and the key that signs checkpoints."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from storage.errors import StorageError

SHORTEST = 32


@dataclass(frozen=True)
class Secret:
    """What only the server knows. Who has the database alone can neither guess a digest's value nor sign."""

    text: str = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.text) < SHORTEST:
            raise StorageError(f"the journal's key is too short: it needs at least {SHORTEST} characters")

    @staticmethod
    def new() -> Secret:
        """A random one."""
        return Secret(secrets.token_hex(32))

    @staticmethod
    def read(path: Path) -> Secret | None:
        """The secret kept in a file; None when there is no such file. Raises StorageError when it cannot be read, or
        others may read it."""
        try:
            if path.stat().st_mode & 0o077:
                raise StorageError(
                    f"{path}: others can read the journal's key; make it yours alone (chmod 600)"
                )
            return Secret(path.read_text(encoding="ascii").strip())
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise StorageError(f"{path}: the journal's key cannot be read: {error}") from error

    @staticmethod
    def kept(path: Path) -> Secret:
        """The secret kept in a file, which is made when it is missing. Raises StorageError when it cannot be."""
        if (known := Secret.read(path)) is not None:
            return known
        made, beside = Secret.new(), path.with_name(f"{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(f"{made.text}\n")
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(beside, path)  # whole or not at all, and never over another's
            except FileExistsError:
                made = Secret.kept(path)
            finally:
                beside.unlink()
        except OSError as error:
            raise StorageError(f"{path}: the journal's key cannot be kept: {error}") from error
        return made

    @property
    def public_key(self) -> str:
        """By which others recognise what was signed here: 64 hex digits."""
        return self._signing.public_key().public_bytes_raw().hex()

    def digest(self, salt: bytes, kind: str, value: str) -> str:
        """What stands for a personal value, as 64 hex digits."""
        return hmac.new(
            self._digesting, b"\0".join((salt, kind.encode(), value.encode())), hashlib.sha256
        ).hexdigest()

    def sign(self, body: bytes) -> str:
        """The Ed25519 signature of `body`, as 128 hex digits."""
        return self._signing.sign(body).hex()

    @cached_property
    def _digesting(self) -> bytes:
        return self._derived(b"journal digests")

    @cached_property
    def _signing(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self._derived(b"journal checkpoints"))

    def _derived(self, what: bytes) -> bytes:
        return HKDF(SHA256(), 32, salt=None, info=what).derive(self.text.encode())


def is_signed(body: bytes, signature: str, public_key: str) -> bool:
    """Whether `signature` over `body` was made with the private half of `public_key`; both are hex digits."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(signature), body)
    except (InvalidSignature, ValueError):
        return False
    return True
