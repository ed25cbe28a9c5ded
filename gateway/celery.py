"""The Celery application: queues, and the beat that repairs every lost wake-up.

State is in rows and files; a message only says that there may be work. Every task drains what it finds, may run twice,
and takes ids or nothing. So a message that nobody fetched in time is dropped: the next beat says the same again.
"""

import os

from celery import Celery
from celery.signals import setup_logging

import gateway.nodes.hearts
import gateway.supervisor.ready  # noqa: F401 (both connect signals of workers and beat)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings.base")

SWEEP_SECONDS = 5
PROOF_SECONDS = 15

app = Celery("gateway")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_routes = {
    "studies.tasks.index_spool": {"queue": "index"},
    # Threads: reading back large files, or a device that does not answer, must not hold up the index.
    "studies.tasks.verify_commitments": {"queue": "deliver"},
    "studies.tasks.report_commitments": {"queue": "deliver"},
    "studies.tasks.prepare_metadata": {"queue": "deliver"},
    "studies.tasks.remove_files": {"queue": "deliver"},
    "routing.tasks.plan": {"queue": "plan"},
    "routing.tasks.deliver": {"queue": "deliver"},
    "routing.tasks.sweep_changed_copies": {"queue": "deliver"},  # where the copies are made
    "routing.proof.tasks.prove_destination": {"queue": "deliver"},
    # Apart from all else: a study's way to its archive never waits for an AI worker.
    "routing.ai.tasks.*": {"queue": "ai"},
    # Threads that mostly wait; only where workers ask (GANTRY_SPAN_EXECUTOR).
    "spanner.tasks.ask_source": {"queue": "span"},
    "tiering.tasks.*": {"queue": "tier"},
    # May take minutes, where one task at a time is the rule anyway.
    "gateway.audit.tasks.verify_audit": {"queue": "tier"},
    "gateway.audit.tasks.archive_old": {"queue": "tier"},
    "gateway.audit.tasks.tell_syslog": {"queue": "fetch"},  # threads: a receiver that does not answer
    "gateway.analytics.tasks.*": {"queue": "tier"},  # behind all that receives, finds and delivers
    "gateway.batches.tasks.*": {"queue": "fetch"},  # threads: a thousand studies must not hold up the rules
    "gateway.samples.tasks.*": {"queue": "fetch"},
    "gateway.webhooks.tasks.*": {"queue": "fetch"},  # receivers may be slow
    "spanner.tasks.fetch_studies": {"queue": "fetch"},
    "spanner.tasks.fetch_priors": {"queue": "fetch"},
    "spanner.tasks.remove_fetched": {"queue": "fetch"},
}
app.conf.beat_schedule = {
    name: {"task": task, "schedule": seconds, "options": {"expires": seconds * 2}}
    for name, task, seconds in [
        ("index what lies in the spool", "studies.tasks.index_spool", SWEEP_SECONDS),
        ("complete studies that are quiet", "studies.tasks.complete_studies", SWEEP_SECONDS),
        ("verify and report storage commitments", "studies.tasks.sweep_commitments", SWEEP_SECONDS),
        ("plan what no rule has seen", "routing.tasks.plan", SWEEP_SECONDS),
        ("take back leases and wake the lanes", "routing.tasks.sweep", SWEEP_SECONDS),
        ("remove changed copies that lost workers left", "routing.tasks.sweep_changed_copies", 60),
        ("remove the files of what was deleted", "studies.tasks.remove_files", 60),
        ("find what destinations have to prove", "routing.proof.tasks.sweep_proofs", PROOF_SECONDS),
        ("ask, judge and probe AI workers", "routing.ai.tasks.sweep", SWEEP_SECONDS),
        ("go on with back-tests whose worker was lost", "routing.tasks.sweep_back_tests", SWEEP_SECONDS),
        ("carry out moves between tiers", "tiering.tasks.carry_out_moves", SWEEP_SECONDS),
        ("ask for the moves that policies want", "tiering.tasks.apply_policies", 60),
        ("let go what was brought back to be read", "tiering.tasks.let_go", 300),
        ("read stored files and copies again", "tiering.tasks.scrub", 60),
        ("have packs go to cold storage", "tiering.tasks.lay_down_packs", 60),
        ("remove federated answers that are kept no longer", "spanner.tasks.sweep_queries", 60),
        ("do what was chosen in the study list", "gateway.batches.tasks.carry_out_batches", SWEEP_SECONDS),
        ("send the test studies that wait", "gateway.samples.tasks.send_samples", SWEEP_SECONDS),
        ("remove batches that are kept no longer", "gateway.batches.tasks.sweep_batches", 3600),
        ("tell webhooks what happened", "gateway.webhooks.tasks.tell_webhooks", SWEEP_SECONDS),
        ("remove messages to webhooks that are kept no longer", "gateway.webhooks.tasks.tidy_webhooks", 600),
        ("bring studies from their sources", "spanner.tasks.fetch_studies", SWEEP_SECONDS),
        ("remove fetched studies that nobody uses", "spanner.tasks.remove_fetched", 600),
        ("remove packs that nobody relies on", "tiering.tasks.sweep_packs", 600),
        ("remove sessions and tokens that have ended", "gateway.accounts.tasks.sweep", 3600),
        ("take what was looked at into the audit trail", "gateway.audit.tasks.take_in_journal", SWEEP_SECONDS),
        ("anchor the audit trail outside the database", "gateway.audit.tasks.anchor_heads", 300),
        ("tell the syslog receiver of the audit trail", "gateway.audit.tasks.tell_syslog", SWEEP_SECONDS),
        ("archive the oldest part of the audit trail", "gateway.audit.tasks.archive_old", 3600),
        ("verify the audit trail", "gateway.audit.tasks.verify_audit", 86_400),
        ("count what came in and went out", "gateway.analytics.tasks.roll_up", 15),
        ("count what came late, and remove old counts", "gateway.analytics.tasks.tidy", 3600),
        ("note what lies where and what it costs", "tiering.tasks.sample_tiers", 3600),
        ("forget processes of yesterday", "gateway.nodes.tasks.clear_old", 3600),
    ]
}
app.autodiscover_tasks()


@setup_logging.connect
def keep_logging(**kwargs: object) -> None:
    """Django has configured logging; a receiver of this signal keeps Celery from doing it again its own way."""
