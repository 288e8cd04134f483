"""Streamlit's own log-in (OpenID Connect) as a way to enter: ``GENLAB_ACCESS=oidc``.

The provider is set in ``.streamlit/secrets.toml``, which ``st.login`` reads. After the log-in the
browser has a cookie signed by Streamlit. The guard checks here whether a request's cookie is
valid.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from streamlit.auth_util import (
    get_cookie_with_chunks,
    get_origin_from_redirect_uri,
    is_authlib_installed,
    validate_auth_credentials,
)
from streamlit.errors import StreamlitAuthError
from streamlit.user_info import generate_login_redirect_url
from streamlit.web.server.server_util import AUTH_COOKIE_NAME, get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value

#: The name of the section ``[auth]``.
PROVIDER = "default"


class StreamlitLogIn:
    """The way of logging in that the guard uses."""

    def problem(self) -> str:
        """Why log-in is not possible; empty where it is."""
        if not is_authlib_installed():
            return "The package Authlib is not installed: pip install 'genlab[oidc]'."
        try:
            validate_auth_credentials(PROVIDER)
        except StreamlitAuthError as error:
            return " ".join(str(error).split())
        return ""

    def address(self) -> str:
        """The address at which the log-in begins; valid for two minutes."""
        return generate_login_redirect_url(PROVIDER)

    def holds(self, cookies: Mapping[str, str]) -> bool:
        """Whether these cookies belong to somebody who has logged in at this server."""
        if AUTH_COOKIE_NAME not in cookies:
            return False
        secret = get_cookie_secret()

        def read(name: str) -> bytes | None:
            text = cookies.get(name)
            if text is None:
                return None
            return decode_signed_value(secret, name, text.strip('"').encode("latin-1", "replace"))

        try:
            found = json.loads(get_cookie_with_chunks(read, AUTH_COOKIE_NAME) or b"{}")
        except ValueError:
            return False
        if not isinstance(found, dict) or found.get("is_logged_in") is not True:
            return False
        return bool(found.get("origin") == get_origin_from_redirect_uri())
