"""The choice of a language, by the switch of a page: kept with the person, and in a cookie for who is not signed in."""

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from gateway.accounts.models import User

AS_THE_BROWSER_ASKS = ""


@require_POST
@login_not_required
def choose_language(request: HttpRequest) -> HttpResponse:
    """Keep the choice, and lead back to the page on which it was made."""
    language = request.POST.get("language", AS_THE_BROWSER_ASKS)
    if language not in {AS_THE_BROWSER_ASKS, *dict(settings.LANGUAGES)}:
        raise BadRequest("There is no such language.")
    user: Any = request.user
    if user.is_authenticated:
        User.objects.filter(pk=user.pk).update(language=language)
    response = HttpResponseRedirect(_page_before(request))
    if language == AS_THE_BROWSER_ASKS:
        response.delete_cookie(settings.LANGUAGE_COOKIE_NAME, samesite="Lax")
    else:
        name, age = settings.LANGUAGE_COOKIE_NAME, settings.LANGUAGE_COOKIE_AGE
        response.set_cookie(name, language, max_age=age, httponly=True, samesite="Lax")
    return response


def _page_before(request: HttpRequest) -> str:
    """An address of this installation; any other would make the switch a way to lead people elsewhere."""
    page = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure())
    return page if is_ours else "/"
