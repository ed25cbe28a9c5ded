"""Delete a study, a series or an instance, for administrators; PS3.18 leaves it to the service."""

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.exceptions import APIException, NotFound

from studies.deletions.request import delete
from studies.doorbell import ring
from studies.errors import DeletionRefused, NotStored


class Refused(APIException):
    """Something else needs it."""

    status_code = 409


def remove(request: HttpRequest, study: str, series: str = "", instance: str = "") -> HttpResponseBase:
    """204: the rows are gone and the deletion is on record; the files go in the next moments."""
    from studies.tasks import remove_files  # Celery's tasks import much that no other address needs

    who = str(request.user.get_username())
    try:
        delete(study, series, instance, by=who)
    except NotStored as error:
        raise NotFound("Nothing is stored under these UIDs.") from error
    except DeletionRefused as error:
        raise Refused(str(error)) from error
    transaction.on_commit(lambda: ring(remove_files))
    return HttpResponse(status=204)
