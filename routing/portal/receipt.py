"""A study's receipt as a page to print, and as a file."""

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_GET

from routing.receipt import as_csv, receipt_of
from studies.models import Study

# What the page says of each that was not delivered; translated where it is shown.
STATES = (gettext_noop("pending"), gettext_noop("sending"), gettext_noop("dead"), gettext_noop("cancelled"))
LONGEST_LIST = 200  # of what was not delivered; the file has all of it


@require_GET
@permission_required("routing.view_delivery", raise_exception=True)
def study_receipt(request: HttpRequest, study_instance_uid: str) -> HttpResponse:
    """The page."""
    study = get_object_or_404(Study, study_instance_uid=study_instance_uid)
    context = {"receipt": receipt_of(study), "study": study, "longest_list": LONGEST_LIST}
    return render(request, "routing/receipt.html", context)


@require_GET
@permission_required("routing.view_delivery", raise_exception=True)
def study_receipt_csv(request: HttpRequest, study_instance_uid: str) -> HttpResponse:
    """A line for each instance and destination."""
    study = get_object_or_404(Study, study_instance_uid=study_instance_uid)
    response = HttpResponse(as_csv(receipt_of(study)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="receipt-{study.pk}.csv"'
    return response
