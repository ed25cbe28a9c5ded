"""What OHIF is told at its start: the archive, as it was installed, and each federation as a further source."""

import json

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from gateway.viewer.ohif import is_installed, ohif_folder
from spanner.models import SpanningConfig

CONFIG = "app-config.js"
_MORE_SOURCES = """for (const [sourceName, name] of %s) {
  const [{ namespace, configuration }] = window.config.dataSources;
  const root = `/dicom-web/span/${name}`;
  window.config.dataSources.push({
    namespace,
    sourceName,
    configuration: {
      ...configuration,
      friendlyName: name,
      name: sourceName,
      qidoRoot: root,
      wadoRoot: root,
      wadoUriRoot: `${root}/wado`,
      supportsFuzzyMatching: false,
    },
  });
}
"""


@require_safe
@permission_required("studies.view_study", raise_exception=True)
def config(request: HttpRequest) -> HttpResponse:
    """The script; a federation is at ``/ohif/viewer/span-<pk>``, since a point in its name would end a path there."""
    if not is_installed():
        return render(request, "viewer/no_ohif.html", status=404)
    script = (ohif_folder() / CONFIG).read_text()
    found = [[f"span-{span.pk}", span.name] for span in SpanningConfig.objects.filter(is_enabled=True)]
    response = HttpResponse(f"{script}\n{_MORE_SOURCES % json.dumps(found)}", content_type="text/javascript")
    response["Cache-Control"] = "private, no-cache"
    response["X-Content-Type-Options"] = "nosniff"
    return response
