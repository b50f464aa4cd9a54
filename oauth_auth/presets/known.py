"""The presets. ``{host}`` and the like are parameters that the profile gives.

No quirk needs code: what is not in an answer's standard form (Slack's ``"ok": false``,
GitHub's errors with status 200, scopes with commas between) is read by the general
parser. Lifetimes are what the documentation says; nothing depends on them.
"""

from __future__ import annotations

from typing import Final

from oauth_auth.presets.preset import Preset

__all__ = ["PRESETS"]

PRESETS: Final[dict[str, Preset]] = {
    "atlassian": Preset(
        title="Atlassian (Jira and Confluence Cloud)",
        documentation="https://developer.atlassian.com/cloud/jira/platform/"
        "oauth-2-3lo-apps/",
        authorization_endpoint="https://auth.atlassian.com/authorize",
        token_endpoint="https://auth.atlassian.com/oauth/token",
        client_auth="client_secret_post",
        offline_scope="offline_access",
        audience="api.atlassian.com",
        authorization_extra={"prompt": "consent"},
        allowed_origins=("https://api.atlassian.com",),
        note="Tokens live an hour; refresh tokens rotate, and end after 90 days "
        "without use.",
    ),
    "auth0": Preset(
        title="Auth0",
        documentation="https://auth0.com/docs/get-started/applications/"
        "application-settings",
        parameters={"domain": None},
        # The slash is part of Auth0's issuer.
        issuer="https://{domain}/",
        offline_scope="offline_access",
        note="Name your API with audience, or tokens are good for /userinfo alone. "
        "Refresh tokens rotate where the application is set so.",
    ),
    "bitbucket": Preset(
        title="Bitbucket Cloud",
        documentation="https://developer.atlassian.com/cloud/bitbucket/oauth-2/",
        authorization_endpoint="https://bitbucket.org/site/oauth2/authorize",
        token_endpoint="https://bitbucket.org/site/oauth2/access_token",
        client_auth="client_secret_basic",
        allowed_origins=("https://api.bitbucket.org",),
        note="Tokens live two hours; refresh tokens rotate, and end after three "
        "months without use. Scopes are set at the consumer, not asked for.",
    ),
    "box": Preset(
        title="Box",
        documentation="https://developer.box.com/guides/authentication/oauth2/",
        authorization_endpoint="https://account.box.com/api/oauth2/authorize",
        token_endpoint="https://api.box.com/oauth2/token",
        revocation_endpoint="https://api.box.com/oauth2/revoke",
        client_auth="client_secret_post",
        allowed_origins=("https://api.box.com", "https://upload.box.com"),
        note="Tokens live about an hour; refresh tokens are good for one use and 60 "
        "days.",
    ),
    "discord": Preset(
        title="Discord",
        documentation="https://discord.com/developers/docs/topics/oauth2",
        authorization_endpoint="https://discord.com/oauth2/authorize",
        token_endpoint="https://discord.com/api/oauth2/token",
        revocation_endpoint="https://discord.com/api/oauth2/token/revoke",
        client_auth="client_secret_basic",
        allowed_origins=("https://discord.com",),
        note="Tokens live seven days.",
    ),
    "dropbox": Preset(
        title="Dropbox",
        documentation="https://developers.dropbox.com/oauth-guide",
        authorization_endpoint="https://www.dropbox.com/oauth2/authorize",
        token_endpoint="https://api.dropboxapi.com/oauth2/token",
        client_auth="client_secret_post",
        authorization_extra={"token_access_type": "offline"},
        allowed_origins=(
            "https://api.dropboxapi.com",
            "https://content.dropboxapi.com",
            "https://notify.dropboxapi.com",
        ),
        note="Tokens live four hours; refresh tokens do not expire or rotate.",
    ),
    "github": Preset(
        title="GitHub",
        documentation="https://docs.github.com/en/apps/oauth-apps/"
        "building-oauth-apps/authorizing-oauth-apps",
        # So it names itself in its answers.
        issuer="https://github.com/login/oauth",
        authorization_endpoint="https://github.com/login/oauth/authorize",
        token_endpoint="https://github.com/login/oauth/access_token",
        device_authorization_endpoint="https://github.com/login/device/code",
        client_auth="client_secret_post",
        allowed_origins=("https://api.github.com", "https://uploads.github.com"),
        note="An OAuth app's tokens do not expire unless it is set so; a GitHub "
        "app's live eight hours, and its refresh tokens rotate and live six months.",
    ),
    "github-enterprise": Preset(
        title="GitHub Enterprise Server",
        documentation="https://docs.github.com/en/enterprise-server@latest/apps/"
        "oauth-apps/building-oauth-apps/authorizing-oauth-apps",
        parameters={"host": None},
        authorization_endpoint="https://{host}/login/oauth/authorize",
        token_endpoint="https://{host}/login/oauth/access_token",
        device_authorization_endpoint="https://{host}/login/device/code",
        client_auth="client_secret_post",
        allowed_origins=("https://{host}",),
        note="As GitHub.",
    ),
    "gitlab": Preset(
        title="GitLab",
        documentation="https://docs.gitlab.com/api/oauth2/",
        parameters={"host": "gitlab.com"},
        issuer="https://{host}",
        authorization_endpoint="https://{host}/oauth/authorize",
        token_endpoint="https://{host}/oauth/token",
        device_authorization_endpoint="https://{host}/oauth/authorize_device",
        revocation_endpoint="https://{host}/oauth/revoke",
        introspection_endpoint="https://{host}/oauth/introspect",
        jwks_uri="https://{host}/oauth/discovery/keys",
        client_auth="client_secret_post",
        allowed_origins=("https://{host}",),
        note="Tokens live two hours; refresh tokens are good for one use.",
    ),
    "google": Preset(
        title="Google",
        documentation="https://developers.google.com/identity/protocols/oauth2/"
        "native-app",
        issuer="https://accounts.google.com",
        client_auth="client_secret_post",
        # Without both, only the first login of a person brings a refresh token.
        authorization_extra={"access_type": "offline", "prompt": "consent"},
        allowed_origins=(
            "https://*.googleapis.com",
            "https://*.rep.googleapis.com",
            "https://*.storage.googleapis.com",
        ),
        note="Tokens live an hour. Refresh tokens do not rotate; they end after six "
        "months without use, and after seven days while the app is in testing.",
    ),
    "intuit": Preset(
        title="Intuit (QuickBooks Online)",
        documentation="https://developer.intuit.com/app/developer/qbo/docs/develop/"
        "authentication-and-authorization/oauth-2.0",
        authorization_endpoint="https://appcenter.intuit.com/connect/oauth2",
        token_endpoint="https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer",
        client_auth="client_secret_basic",
        allowed_origins=(
            "https://quickbooks.api.intuit.com",
            "https://sandbox-quickbooks.api.intuit.com",
        ),
        note="Tokens live an hour; the refresh token changes about once a day.",
    ),
    "keycloak": Preset(
        title="Keycloak",
        documentation="https://www.keycloak.org/securing-apps/oidc-layers",
        parameters={"host": None, "realm": None},
        issuer="https://{host}/realms/{realm}",
        note="Scope offline_access gives a refresh token that outlives the session. "
        "Before version 17 the issuer was https://HOST/auth/realms/REALM.",
    ),
    "microsoft": Preset(
        title="Microsoft Entra",
        documentation="https://learn.microsoft.com/en-us/entra/identity-platform/"
        "v2-oauth2-auth-code-flow",
        parameters={"tenant": "common"},
        # No issuer: that of the tokens names the tenant of whoever logged in.
        authorization_endpoint="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/"
        "authorize",
        token_endpoint="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
        device_authorization_endpoint="https://login.microsoftonline.com/{tenant}/"
        "oauth2/v2.0/devicecode",
        jwks_uri="https://login.microsoftonline.com/{tenant}/discovery/v2.0/keys",
        client_auth="client_secret_post",
        offline_scope="offline_access",
        # Its registrations ignore the port of this one, and take no 127.0.0.1.
        redirect_uris=("http://localhost",),
        allowed_origins=("https://graph.microsoft.com",),
        note="Tokens live about an hour, refresh tokens 90 days. For "
        "client_credentials name the tenant, and a scope that ends in /.default.",
    ),
    "okta": Preset(
        title="Okta",
        documentation="https://developer.okta.com/docs/concepts/auth-servers/",
        parameters={"domain": None},
        issuer="https://{domain}/oauth2/default",
        offline_scope="offline_access",
        note='This is the server named "default"; for the organization\'s own, with '
        "Okta's APIs, set issuer to https://DOMAIN. Refresh tokens of native apps "
        "rotate.",
    ),
    "slack": Preset(
        title="Slack",
        documentation="https://docs.slack.dev/authentication/installing-with-oauth",
        authorization_endpoint="https://slack.com/oauth/v2/authorize",
        token_endpoint="https://slack.com/api/oauth.v2.access",
        client_auth="client_secret_basic",
        scope_separator=",",
        allowed_origins=("https://slack.com", "https://files.slack.com"),
        note="The token is the bot's; a user's is inside authed_user of "
        "Token.extra. With token rotation it lives twelve hours, else it does not "
        "expire. Redirect URIs must be https; apps with PKCE enabled may use "
        "localhost, without bot scopes.",
    ),
    "spotify": Preset(
        title="Spotify",
        documentation="https://developer.spotify.com/documentation/web-api/"
        "tutorials/code-pkce-flow",
        authorization_endpoint="https://accounts.spotify.com/authorize",
        token_endpoint="https://accounts.spotify.com/api/token",
        client_auth="client_secret_basic",
        allowed_origins=("https://api.spotify.com",),
        note="Tokens live an hour. Redirect URIs on loopback must be 127.0.0.1 or "
        "[::1], not localhost.",
    ),
    "strava": Preset(
        title="Strava",
        documentation="https://developers.strava.com/docs/authentication/",
        authorization_endpoint="https://www.strava.com/oauth/authorize",
        token_endpoint="https://www.strava.com/oauth/token",
        client_auth="client_secret_post",
        scope_separator=",",
        allowed_origins=("https://www.strava.com",),
        note="Tokens live six hours; a refresh token may change with each renewal.",
    ),
    "twitch": Preset(
        title="Twitch",
        documentation="https://dev.twitch.tv/docs/authentication/getting-tokens-oauth/",
        authorization_endpoint="https://id.twitch.tv/oauth2/authorize",
        token_endpoint="https://id.twitch.tv/oauth2/token",
        client_auth="client_secret_post",
        allowed_origins=("https://api.twitch.tv",),
        note="Its API wants the header Client-Id too.",
    ),
    "xero": Preset(
        title="Xero",
        documentation="https://developer.xero.com/documentation/guides/oauth2/"
        "auth-flow/",
        authorization_endpoint="https://login.xero.com/identity/connect/authorize",
        token_endpoint="https://identity.xero.com/connect/token",
        revocation_endpoint="https://identity.xero.com/connect/revocation",
        client_auth="client_secret_basic",
        offline_scope="offline_access",
        allowed_origins=("https://api.xero.com",),
        note="Tokens live 30 minutes; refresh tokens rotate, and live 60 days.",
    ),
    "zoom": Preset(
        title="Zoom",
        documentation="https://developers.zoom.us/docs/integrations/oauth/",
        authorization_endpoint="https://zoom.us/oauth/authorize",
        token_endpoint="https://zoom.us/oauth/token",
        client_auth="client_secret_basic",
        allowed_origins=("https://api.zoom.us",),
        note="Tokens live an hour; refresh tokens rotate. Redirect URIs on loopback "
        "are taken with PKCE.",
    ),
}
