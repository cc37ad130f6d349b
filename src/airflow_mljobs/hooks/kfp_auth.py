"""Shows a Kubeflow Pipelines server who is asking."""

from __future__ import annotations

import base64
import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.hooks.kfp_connection import AuthMode, KFPConnection
from airflow_mljobs.hooks.kfp_errors import KFPNoToken, KFPUnreachable

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"


class Auth(ABC):
    """Gives the bearer token of a request."""

    bears: ClassVar[bool] = True
    """Whether there is a token at all."""

    @abstractmethod
    def token(self) -> str | None:
        """Return the token for the next request."""

    @abstractmethod
    def renew(self) -> bool:
        """Get a newer token, since the server refused the last; tell whether there is one."""

    def account(self) -> str | None:
        """Return whom the token speaks for, where that can be told."""
        return _subject_of(self.token() or "")


class NoToken(Auth):
    """For servers that ask for nothing, or for cookies and headers, which do not change."""

    bears = False

    def token(self) -> str | None:
        """Return none."""
        return None

    def renew(self) -> bool:
        """Have nothing newer."""
        return False


class StaticToken(Auth):
    """A token kept in the connection.

    :param token: the connection's password.
    """

    def __init__(self, token: str | None) -> None:
        self._token = token

    def token(self) -> str | None:
        """Return the token."""
        return self._token

    def renew(self) -> bool:
        """Have nothing newer, until the connection is read again."""
        return False


class FileToken(Auth):
    """A token in a file, such as the kubelet replaces when it is about to expire.

    :param path: the file, read for every request.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._shown: str | None = None

    def token(self) -> str:
        """Read the token; while the file is being replaced, the one of before is good still.

        :raises InvalidJobSpec: when there is none.
        """
        try:
            token = Path(self._path).read_text().strip()
        except OSError as error:
            if self._shown:
                return self._shown
            raise InvalidJobSpec(
                field="token_file", value=self._path, rule=f"can be read, but: {error.strerror}"
            ) from error
        token = token or self._shown or ""
        if not token:
            raise InvalidJobSpec(field="token_file", value=self._path, rule="holds a token; it is empty")
        self._shown = token
        return token

    def renew(self) -> bool:
        """Tell whether the file has another token by now."""
        before = self._shown
        return self.token() != before


class GoogleToken(Auth):
    """A token of Google's for this machine's own credentials, renewed before it expires.

    :param client_id: the Identity-Aware Proxy's, for an ID token; without, it is an access token.
    """

    def __init__(self, client_id: str | None) -> None:
        self._client_id = client_id
        self._credentials: Credentials | None = None

    def token(self) -> str:
        """Return a token that is valid for a while yet."""
        return self._fetch(anew=False)

    def renew(self) -> bool:
        """Ask Google for another token, although this one looked valid."""
        self._fetch(anew=True)
        return True

    def account(self) -> str | None:
        """Return whose token it is: an access token does not say so, the credentials may."""
        return super().account() or getattr(self._credentials, "service_account_email", None)

    def _fetch(self, *, anew: bool) -> str:
        from google.auth.exceptions import GoogleAuthError, TransportError
        from google.auth.transport.requests import Request

        try:
            if self._credentials is None:
                self._credentials = self._load()
            if anew or not self._credentials.valid:
                self._credentials.refresh(Request())
        except GoogleAuthError as error:
            message = f"Google gave no token: {error}"
            if isinstance(error, TransportError) or error.retryable:
                raise KFPUnreachable(message, sent=False) from error
            raise KFPNoToken(message) from error
        return str(self._credentials.token)

    def _load(self) -> Any:
        import google.auth
        from google.auth.transport.requests import Request
        from google.oauth2.id_token import fetch_id_token_credentials

        if self._client_id:
            return fetch_id_token_credentials(self._client_id, Request())  # type: ignore[no-untyped-call]
        return google.auth.default(scopes=[CLOUD_PLATFORM])[0]


def _subject_of(token: str) -> str | None:
    """Read whom a JSON Web Token is about; to verify it is the server's part."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        subject = claims.get("email") or claims.get("sub")
    except (IndexError, ValueError, AttributeError):
        return None  # a token need not say anything to whoever bears it
    return str(subject) if subject else None


def auth_for(settings: KFPConnection) -> Auth:
    """Choose what the connection asks for.

    :param settings: the connection.
    """
    match settings.auth:
        case AuthMode.BEARER:
            return StaticToken(settings.password)
        case AuthMode.TOKEN_FILE:
            return FileToken(str(settings.token_file))
        case AuthMode.GOOGLE_ID_TOKEN:
            return GoogleToken(settings.iap_client_id)
        case AuthMode.GOOGLE_ACCESS_TOKEN:
            return GoogleToken(None)
        case _:
            return NoToken()
