"""What does not go by itself in the fictitious hospital: clashes, odd files, and requests for proof of storage."""

from datetime import datetime, timedelta

from pydicom.uid import CTImageStorage

from dicomnet.commitment import FailureReason
from studies.commitments.models import Commitment, CommitmentItem, CommitmentState
from studies.models import Instance, Study, UnreadableFile
from tests.factories import CommitmentFactory, IdentityClashFactory, UnreadableFileFactory

UID_ROOT = "1.2.826.0.1.3680043.8.498.77"


def make_identity_clashes(now: datetime) -> None:
    """Two open ones in the latest CT studies, and an older one that somebody has seen."""
    latest, second, older = Study.objects.filter(calling_ae_title="CT_ROOM1").order_by("-received_at")[:3]
    name, *given = latest.patient_name.split("^")
    for study, attribute, value, count in (
        (latest, "PatientName", "^".join([f"{name}-Brandt", *given]), 42),
        (second, "AccessionNumber", str(int(second.accession_number) + 1), 2),
        (older, "PatientID", f"{older.patient_id[:-2]}{older.patient_id[:-3:-1]}", 88),
    ):
        IdentityClashFactory.create(
            study=study,
            instance=Instance.objects.filter(series__study=study).order_by("-pk").first(),
            attribute=attribute,
            study_value={
                "PatientName": study.patient_name,
                "AccessionNumber": study.accession_number,
                "PatientID": study.patient_id,
            }[attribute],
            instance_value=value,
            number_of_instances=count,
            received_at=study.received_at,
            resolved_at=now - timedelta(hours=1) if study is older else None,
            resolved_by="m.lindqvist" if study is older else "",
        )


def make_odd_files(now: datetime) -> None:
    """Headers that were read as well as they go, and two files that damage made unreadable."""
    notes = {
        "US_WARD3": "Not in its Specific Character Set: Patient's Name, Referring Physician's Name.",
        "CR_ER": "Its Specific Character Set is unknown.",
    }
    for title, note in notes.items():
        pks = list(Instance.objects.filter(calling_ae_title=title).order_by("-pk").values_list("pk", flat=True)[:3])
        Instance.objects.filter(pk__in=pks).update(header_note=note)
    for number, (reason, size_bytes, age) in enumerate(
        (
            ("the file ends before its data set does", 262_144, timedelta(hours=5)),
            ("no DICM after the preamble", 0, timedelta(days=2)),
        )
    ):
        file = UnreadableFileFactory.create(
            name=f"01JD{7 + number}Q0V3M8KX2R5T9WBNYCEFA{number}.dcm", reason=reason, size_bytes=size_bytes
        )
        UnreadableFile.objects.filter(pk=file.pk).update(found_at=now - age)


def make_commitments(now: datetime) -> dict[str, Commitment]:
    """One request in every state, and one whose Transaction UID was in use; by what became of it."""
    waits_for_address = "where MR_NORTH listens is not known: add it to the remote nodes"
    refused = "connection refused by 10.20.3.14:104"
    return {
        "failed": _commitment(
            6,
            "US_WARD3",
            "10.20.3.14",
            now - timedelta(days=4),
            state=CommitmentState.FAILED,
            attempts=291,
            last_error=refused,
        ),
        "mixed": _commitment(
            5,
            "CT_ROOM1",
            "10.20.1.11",
            now - timedelta(hours=2),
            failures=(FailureReason.NO_SUCH_INSTANCE, FailureReason.NO_SUCH_INSTANCE, FailureReason.PROCESSING_FAILURE),
        ),
        "duplicate": _commitment(
            4,
            "CR_ER",
            "10.20.1.31",
            now - timedelta(minutes=75),
            count=2,
            is_duplicate=True,
            failures=(FailureReason.DUPLICATE_TRANSACTION,) * 2,
        ),
        "waiting": _commitment(
            3,
            "MR_NORTH",
            "10.20.1.21",
            now - timedelta(minutes=26),
            state=CommitmentState.REPORTING,
            attempts=24,
            last_error=waits_for_address,
            next_attempt_at=now + timedelta(seconds=50),
        ),
        "committed": _commitment(2, "CT_ROOM1", "10.20.1.11", now - timedelta(minutes=11)),
        "verifying": _commitment(
            1,
            "CT_ROOM1",
            "10.20.1.11",
            now - timedelta(seconds=8),
            state=CommitmentState.VERIFYING,
            count=140,
        ),
    }


def _commitment(
    number: int,
    calling_ae_title: str,
    source_address: str,
    requested_at: datetime,
    *,
    state: CommitmentState = CommitmentState.REPORTED,
    count: int = 24,
    failures: tuple[FailureReason, ...] = (),
    **fields: object,
) -> Commitment:
    is_checked = state is not CommitmentState.VERIFYING
    verified_at = requested_at + timedelta(seconds=3) if is_checked else None
    commitment = CommitmentFactory.create(
        transaction_uid=f"{UID_ROOT}.{20_261_121_000 + number}",
        calling_ae_title=calling_ae_title,
        source_address=source_address,
        state=state,
        instance_count=count,
        failed_count=len(failures) if is_checked else None,
        items=False,
        requested_at=requested_at,
        verified_at=verified_at,
        report_since=verified_at,
        reported_at=requested_at + timedelta(seconds=4) if state is CommitmentState.REPORTED else None,
        **{"attempts": int(is_checked)} | fields,
    )
    CommitmentItem.objects.bulk_create(
        CommitmentItem(
            commitment=commitment,
            sop_class_uid=str(CTImageStorage),
            sop_instance_uid=f"{UID_ROOT}.{number}.{index + 1}",
            is_checked=is_checked,
            failure_reason=failures[index] if index < len(failures) else None,
        )
        for index in range(count)
    )
    return commitment
