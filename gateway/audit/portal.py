"""Pages of the audit trail, for administrators: search, verdict, a patient's disclosures, and files to take away."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from dicomnet.audit import Action, Entry, record
from gateway.audit.export import detail_of, export
from gateway.audit.journal import take_in
from gateway.audit.models import AuditRecord
from gateway.audit.search import AuditFilter, disclosures
from gateway.audit.segments import archived_until
from gateway.audit.verdict import last_verdict, verify_all
from gateway.portal.words import number
from studies.admission import is_uid

READ = "audit.view_auditrecord"
_HASHES = ("head", "sha256")


@require_GET
@permission_required(READ, raise_exception=True)
def audit_trail(request: HttpRequest) -> HttpResponse:
    """Who did what, the latest first; all of its state is in the address."""
    asked = AuditFilter(request.GET)
    take_in()
    rows, following = asked.page()
    record(Entry(Action.AUDIT_USED, subject="audit page", patient_id=asked.values.get("patient_id", "")))
    context = {
        "form": asked,
        "rows": [(row, _words(row), is_uid(row.study_instance_uid)) for row in rows],
        "following": following,
        "is_filtered": asked.is_filtered(),
        "verdict": last_verdict(),
        "archived_until": asked.archived_until(),
    }
    return render(request, "audit/audit_trail.html", context)


@require_POST
@permission_required(READ, raise_exception=True)
def verify_now(request: HttpRequest) -> HttpResponse:
    """Verify every record, and show what was found."""
    found = verify_all(by=request.user.get_username())
    record(Entry(Action.AUDIT_VERIFIED, subject=f"{found.records} records", detail={"faults": found.faults}))
    if not found.faults:
        messages.success(
            request, _("%(records)s records, all as they were written.") % {"records": number(found.records)}
        )
    return HttpResponseRedirect(reverse("audit"))


@require_GET
@permission_required(READ, raise_exception=True)
def patient_disclosures(request: HttpRequest) -> HttpResponse:
    """Who saw, sent or searched what is one patient's."""
    patient_id = request.GET.get("patient_id", "")[:64].replace("\0", "")
    take_in()
    if patient_id:
        record(Entry(Action.AUDIT_USED, subject="disclosures of a patient", patient_id=patient_id))
    rows = disclosures(patient_id) if patient_id else []
    context = {"patient_id": patient_id, "rows": rows, "archived_until": archived_until(None, None)}
    return render(request, "audit/disclosures.html", context)


@require_GET
@permission_required(READ, raise_exception=True)
def download(request: HttpRequest, form: str) -> HttpResponseBase:
    """All records that the filters want, as a file."""
    asked = AuditFilter(request.GET)
    if not asked.is_valid():  # the page says which filter; a file of everything would be a surprise
        return HttpResponseRedirect(f"{reverse('audit')}?{request.GET.urlencode()}")
    take_in()
    return export(asked, form)


def _words(row: AuditRecord) -> str:
    """The details of a record in one line."""
    detail: Any = detail_of(row)
    if not isinstance(detail, dict):
        return str(detail)
    parts = []
    for name, value in detail.items():
        if name == "values" and isinstance(value, dict):
            parts += [f"{field}: {' → '.join(map(str, pair))}" for field, pair in value.items()]
        elif name == "fields" and isinstance(value, list):
            named = [field for field in value if field not in (detail.get("values") or {})]
            parts += [", ".join(map(str, named))] if named else []
        elif name in _HASHES:  # as a whole they are in the files, and a table would be as wide as they are
            parts.append(f"{name}: {str(value)[:12]}…")
        else:
            parts.append(f"{name}: {', '.join(map(str, value)) if isinstance(value, list) else value}")
    return "; ".join(parts)
