"""How the fictitious hospital's gateway is set up: destinations, rules, allowlist and remote nodes."""

from datetime import timedelta
from hashlib import sha256

from django.utils import timezone
from pydicom.uid import BasicTextSRStorage, CTImageStorage, EnhancedCTImageStorage, XRayRadiationDoseSRStorage

from routing.models import AIPool, AIRequest, AIWorker, Destination, Priority, Rule
from routing.rules import save_rule
from studies.models import Instance, Study
from tests.factories import (
    AIPoolFactory,
    AIRequestFactory,
    AIResultFactory,
    AIWorkerFactory,
    AllowlistEntryFactory,
    DestinationFactory,
    InstanceFactory,
    RemoteNodeFactory,
    SeriesFactory,
)


def make_destinations() -> dict[str, Destination]:
    now = timezone.now()
    main = DestinationFactory.create(
        name="PACS main",
        ae_title="PACS_MAIN",
        host="pacs.hospital.example",
        port=104,
        comment="Radiology archive, on call 4711",
        last_success_at=now - timedelta(seconds=22),
    )
    ward = DestinationFactory.create(
        name="Neuro workstation",
        ae_title="NEURO_WS2",
        host="10.20.4.18",
        port=11112,
        comment="Reading room 2",
        last_success_at=now - timedelta(minutes=14),
    )
    research = DestinationFactory.create(
        name="Research archive",
        ae_title="RESEARCH",
        host="10.20.9.2",
        port=4242,
        last_success_at=now - timedelta(hours=3),
        last_failure_at=now - timedelta(seconds=50),
        last_error="connection refused by 10.20.9.2:4242",
        failures_in_a_row=9,
        paused_until=now + timedelta(minutes=4),
    )
    tele = DestinationFactory.create(
        name="Teleradiology",
        ae_title="TELERAD",
        host="tele.partner.example",
        port=2762,
        tls=True,
        tls_server_name="TELERAD",
        is_enabled=False,
        comment="Nights only, from 20:00",
        last_success_at=now - timedelta(hours=9),
    )
    return {"main": main, "neuro": ward, "research": research, "tele": tele}


def make_rules(to: dict[str, Destination]) -> dict[str, Rule]:
    def rule(name: str, order: int, conditions: list[object], names: list[str], **fields: object) -> Rule:
        saved = Rule(name=name, order=order, conditions=conditions, **fields)
        save_rule(saved, destinations=[to[each] for each in names])
        return saved

    def compare(attribute: str, operator: str, value: object) -> dict[str, object]:
        return {"attribute": attribute, "operator": operator, "value": value}

    return {
        "stat": rule(
            "Emergency room first",
            10,
            [compare("CallingAETitle", "matches", "*_ER")],
            ["main"],
            priority=Priority.STAT,
            comment="Asked for by the emergency department",
        ),
        "all": rule("Everything to the archive", 20, [], ["main"]),
        "neuro": rule(
            "Heads to neuroradiology",
            30,
            [compare("Modality", "in", ["CT", "MR"]), compare("BodyPartExamined", "equals", "HEAD")],
            ["neuro"],
            priority=Priority.HIGH,
        ),
        "research": rule(
            "Thin slices for research",
            40,
            [
                compare("Modality", "equals", "CT"),
                compare("SliceThickness", "less", "1.5"),
                {"none": [compare("StudyDescription", "contains", "private")]},
            ],
            ["research"],
            priority=Priority.BACKFILL,
            comment="Study 2026-14, until March",
        ),
        "tele": rule(
            "Night reads",
            50,
            [compare("CalledAETitle", "equals", "NIGHT")],
            ["tele"],
            is_enabled=False,
        ),
    }


def make_allowlist() -> None:
    for network in ("127.0.0.0/8", "::1/128"):
        AllowlistEntryFactory(
            calling_ae_title="*",
            network=network,
            may_find=True,
            may_move=True,
            may_get=True,
            comment="Made at the first start: programs on this machine",
        )
    AllowlistEntryFactory(
        calling_ae_title="CT_ROOM1",
        network="10.20.1.11",
        requires_tls=True,
        certificates=[sha256(b"CT_ROOM1").hexdigest(), "ct1.hospital.example"],
        may_commit=True,
        sop_classes=[str(CTImageStorage), str(EnhancedCTImageStorage), str(XRayRadiationDoseSRStorage)],
        comment="CT, ground floor; service 555-0101",
    )
    for title, network, comment in (
        ("MR_NORTH", "10.20.1.21", "MR, north wing"),
        ("CR_ER", "10.20.1.31", "Emergency room"),
        ("US_WARD3", "10.20.3.0/24", "Ultrasound carts on ward 3"),
    ):
        AllowlistEntryFactory(calling_ae_title=title, network=network, comment=comment)
    AllowlistEntryFactory(
        calling_ae_title="NEURO_WS2",
        network="10.20.4.18",
        may_store=False,
        may_find=True,
        may_move=True,
        move_destinations=["NEURO_WS2"],
        comment="Workstation: searches and fetches",
    )


def make_remote_nodes() -> None:
    """Where the devices listen that ask for proof of storage; of one of them nobody has said it yet."""
    for title, host, port, comment in (
        ("CT_ROOM1", "10.20.1.11", 11112, "CT, ground floor; service 555-0101"),
        ("CR_ER", "10.20.1.31", 104, "Emergency room"),
        ("US_WARD3", "10.20.3.14", 104, "Ultrasound cart on ward 3"),
    ):
        is_tls = title == "CT_ROOM1"
        name = "ct1.hospital.example" if is_tls else ""
        RemoteNodeFactory(ae_title=title, host=host, port=port, tls=is_tls, tls_server_name=name, comment=comment)


def make_ai(to: dict[str, Destination]) -> None:
    """Two pools at work: nodes that are well, one that rests, one that is off; and results that nobody believes."""
    now = timezone.now()
    lung = AIPoolFactory.create(name="Lung nodules", algorithm="NoduleFinder 4.2")
    bleed = AIPoolFactory.create(name="Intracranial haemorrhage", algorithm="BleedCheck 2.0", strategy="weighted")
    for pool in (lung, bleed):
        pool.result_destinations.add(to["main"])
    _make_ai_work(_node(lung, "Lung A", "10.20.9.10", last_result_at=now - timedelta(seconds=40)))
    resting = _node(
        lung,
        "Lung B",
        "10.20.9.11",
        paused_until=now + timedelta(minutes=2),
        failures_in_a_row=3,
        last_error="Lung B did not answer within 600 s.",
        last_result_at=now - timedelta(hours=3),
    )
    AIRequest.objects.filter(state="failed").update(tried=[resting.pk])
    _make_ai_work(_node(bleed, "Bleed fast", "10.20.9.20", weight=3, last_result_at=now - timedelta(seconds=9)))
    _node(bleed, "Bleed old", "10.20.9.21", is_enabled=False, last_result_at=now - timedelta(days=12))


def _node(pool: AIPool, name: str, host: str, **fields: object) -> AIWorker:
    title = name.upper().replace(" ", "_")
    return AIWorkerFactory.create(pool=pool, name=name, ae_title=title, host=host, **fields)


def _make_ai_work(worker: AIWorker) -> None:
    now = timezone.now()
    version = Rule.objects.get(name__startswith="Heads").versions.get()
    others: dict[int, dict[str, object]] = {
        0: {"state": "asked", "deadline_at": now + timedelta(minutes=9)},
        1: {"state": "queued", "worker": None, "sent_at": None},
        5: {"state": "failed", "attempts": 3, "last_error": "3 attempts. The last: Lung B: nobody listens there."},
    }
    for number, study in enumerate(Study.objects.filter(modalities_in_study__contains="CT").order_by("pk")[:12]):
        sent_at = now - timedelta(minutes=7 * number + 1)
        fields: dict[str, object] = {"worker": worker, "sent_at": sent_at, "attempts": 1, "rule_version": version}
        if number in others:
            AIRequestFactory(pool=worker.pool, study=study, **fields | others[number])
            continue
        answered_at = sent_at + timedelta(seconds=21 + 5 * number)
        request = AIRequestFactory.create(
            pool=worker.pool, study=study, state="answered", answered_at=answered_at, **fields
        )
        request.instances.set(Instance.objects.filter(series__study=study)[: 30 + 7 * number])
        _make_ai_result(request, worker, number)


def _make_ai_result(request: AIRequest, worker: AIWorker, number: int) -> None:
    verdicts = {
        3: ("quarantined", "It names another patient than the study."),
        4: ("quarantined", "It refers to other instances than those that the worker was sent."),
        6: ("late", "It came after the worker's time was over."),
        7: ("duplicate", "Another worker has answered this request already."),
    }
    verdict, reason = verdicts.get(number, ("accepted", ""))
    series = SeriesFactory(study=request.study, modality="SR", series_number="9000", series_description="AI_RESULT")
    report, title = str(BasicTextSRStorage), worker.ae_title
    instance = InstanceFactory(series=series, sop_class_uid=report, calling_ae_title=title, source_address=worker.host)
    AIResultFactory(instance=instance, worker=worker, request=request, verdict=verdict, reason=reason)
