"""What the archive tells: signals that gateway.pipeline connects to the next stage."""

from django.dispatch import Signal

instances_indexed = Signal()  # new rows that no rule has seen yet; sent after commit, carries nothing
studies_completed = Signal()  # quiet long enough, not yet decided on; sent after commit, carries nothing
series_wanted = Signal()  # somebody wants to read what is on a slower tier; carries the primary keys of series
commitments_due = Signal()  # the verdict on a storage commitment stands; carries the AE title that waits for it
