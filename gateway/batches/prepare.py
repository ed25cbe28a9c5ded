"""Which studies a batch is about, and its beginning: a draft that waits for a person's word, then work that waits."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from gateway.accounts.models import User
from gateway.batches.events import batches_due
from gateway.batches.models import Batch, BatchItem, BatchState
from gateway.portal.list_address import form_of
from studies.models import Study
from studies.portal.forms import ordering_of

MAXIMUM_STUDIES = 1_000  # of one batch: what goes wrong with them can still be looked through
DRAFTS_KEPT = timedelta(days=1)
BATCHES_KEPT = timedelta(days=90)


def chosen_studies(uids: Iterable[str]) -> QuerySet[Study]:
    """Those with these UIDs, newest first."""
    return Study.objects.filter(study_instance_uid__in=[uid[:64] for uid in uids if "\0" not in uid])


def matching_studies(query: str) -> QuerySet[Study]:
    """All that a list's filters find, in the list's order.

    Args:
        query: the list's address, behind its question mark.
    """
    form = form_of(query)
    _, fields = ordering_of(form.given.get("ordering", ""))
    return form.studies().order_by(*fields)


@transaction.atomic
def draft(user: User, action: str, studies: QuerySet[Study]) -> Batch | None:
    """Note what was chosen, so that a list that changes meanwhile changes nothing; None when nothing was.

    Of more than MAXIMUM_STUDIES the first of the list are taken.
    """
    pks = list(studies.values_list("pk", flat=True)[: MAXIMUM_STUDIES + 1])
    if not pks:
        return None
    batch = Batch.objects.create(user=user, action=action, matched=len(pks))
    BatchItem.objects.bulk_create([BatchItem(batch=batch, study_id=pk) for pk in pks[:MAXIMUM_STUDIES]], batch_size=500)
    return batch


def start(batch: Batch, options: Mapping[str, Any]) -> bool:
    """Have a draft carried out; False when it was begun before, so that pressing twice does it once."""
    drafts = Batch.objects.filter(pk=batch.pk, state=BatchState.DRAFT)
    if not drafts.update(state=BatchState.RUNNING, options=dict(options), started_at=timezone.now()):
        return False
    transaction.on_commit(lambda: batches_due.send(Batch))
    return True


def forget_old() -> None:
    """Remove drafts that nobody confirmed, and batches of long ago; what they did stays."""
    now = timezone.now()
    Batch.objects.filter(state=BatchState.DRAFT, created_at__lt=now - DRAFTS_KEPT).delete()
    Batch.objects.filter(state=BatchState.DONE, finished_at__lt=now - BATCHES_KEPT).delete()
