"""What this service can do, made from its own addresses (PS3.18 8.9)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import quoteattr

from django.contrib.admindocs.utils import remove_non_capturing_groups, replace_named_groups
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver

from studies.dicomweb.accept import Offer, choose
from studies.dicomweb.archive import root_of

WADL = "application/vnd.sun.wadl+xml"
OFFERS = (Offer(WADL), Offer("application/json"))


@dataclass(frozen=True)
class Resource:
    """One address, such as ``studies/{study}/metadata``."""

    path: str
    methods: tuple[str, ...]


def capabilities(request: HttpRequest) -> HttpResponseBase:
    """What the archive can do."""
    from studies.dicomweb.urls import urlpatterns  # which imports this module

    return described(request, urlpatterns, root_of(request))


def described(request: HttpRequest, patterns: list[Any], root: str) -> HttpResponseBase:
    """The resources and their methods, as WADL or as JSON.

    Args:
        request: says which.
        patterns: the addresses of the service.
        root: what they are appended to.
    """
    header, parameter = request.headers.get("Accept", ""), request.GET.get("accept", "")
    chosen = choose(OFFERS, header=header, parameter=parameter).media_type
    found = sorted(_merged(patterns), key=lambda each: each.path)
    if chosen == WADL:
        return HttpResponse(_wadl(root, found), content_type=WADL)
    resources = [{"path": each.path, "methods": each.methods} for each in found]
    return JsonResponse({"base": root, "resources": resources})


def resources(patterns: list[Any]) -> Iterator[Resource]:
    """The addresses behind doors."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from resources(pattern.url_patterns)
        elif isinstance(pattern, URLPattern):
            methods = getattr(pattern.callback, "methods", ())
            if methods:
                yield Resource(template_of(str(pattern.pattern)), tuple(methods))


def template_of(pattern: str) -> str:
    """``studies/{study}`` of a regular expression with named groups."""
    plain = replace_named_groups(remove_non_capturing_groups(pattern))
    return plain.removeprefix("^").removesuffix("$").removesuffix("/?").replace("<", "{").replace(">", "}")


def _merged(patterns: list[Any]) -> list[Resource]:
    found: dict[str, list[str]] = {}
    for each in resources(patterns):
        found.setdefault(each.path, []).extend(each.methods)
    return [Resource(path, tuple(sorted(methods))) for path, methods in found.items()]


def _wadl(root: str, found: list[Resource]) -> str:
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<application xmlns="http://wadl.dev.java.net/2009/02">',
        f"<resources base={quoteattr(root)}>",
    ]
    for each in found:
        methods = "".join(f"<method name={quoteattr(method)}/>" for method in each.methods)
        lines.append(f"<resource path={quoteattr(each.path)}>{methods}</resource>")
    return "\n".join([*lines, "</resources>", "</application>", ""])
