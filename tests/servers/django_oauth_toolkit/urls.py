"""The site's pages: login, the authorization server, and what it protects."""

from django.contrib.auth.views import LoginView
from django.http import JsonResponse
from django.urls import include, path
from oauth2_provider.decorators import protected_resource
from oauth2_provider.urls import metadata_urlpatterns


def hello(request):
    """Say whose token it is."""
    owner = request.resource_owner
    return JsonResponse({"user": owner and owner.get_username()})


urlpatterns = [
    path("login/", LoginView.as_view()),
    path("api/", protected_resource(scopes=["read"], advertise_metadata=True)(hello)),
    # Without a token that is good it answers 403 rather than 401, and says nothing.
    path("api/plain/", protected_resource(scopes=["read"])(hello)),
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    path("", include((metadata_urlpatterns, "root"))),
]
