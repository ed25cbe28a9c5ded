"""Addresses of the audit trail's pages."""

from django.urls import path

from gateway.audit import portal

urlpatterns = [
    path("audit/", portal.audit_trail, name="audit"),
    path("audit/verify/", portal.verify_now, name="audit-verify"),
    path("audit/disclosures/", portal.patient_disclosures, name="audit-disclosures"),
    path("audit/audit.csv", portal.download, {"form": "csv"}, name="audit-csv"),
    path("audit/audit.json", portal.download, {"form": "json"}, name="audit-json"),
]
