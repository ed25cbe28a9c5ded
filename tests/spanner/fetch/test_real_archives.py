"""A study is brought from real archives in each way, byte for byte, and only what is missing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from spanner.fetch.ask import fetch_study
from spanner.fetch.carry_out import work
from spanner.models import Fetch, FetchState, Query, Retrieve, Source, SourceKind, SpanningConfig
from studies.models import Instance
from tests.peers import gantry
from tests.spanner.conftest import Federate
from tests.spanner.fetch.holding import STUDY, a_study, data_sets, orthanc, qrscp, stored

pytestmark = [pytest.mark.embedded, pytest.mark.django_db(transaction=True)]
Make = Callable[..., Source]


def bring(config: SpanningConfig, **told: object) -> Fetch:
    """Ask for the study and have it carried out."""
    fetch = fetch_study(config, STUDY, by="anna", **told)  # type: ignore[arg-type]
    work(seconds=60)
    fetch.refresh_from_db()
    return fetch


def assert_whole(fetch: Fetch, files: list[Path], source: str) -> None:
    assert (fetch.state, fetch.last_error) == (FetchState.DONE, "")
    assert stored() == data_sets(files)
    assert (fetch.instances_expected, fetch.instances_arrived) == (len(files), len(files))
    assert set(Instance.objects.values_list("fetched_from", flat=True)) == {source}
    assert fetch.source is not None
    assert fetch.source.name == source


def test_by_c_get_from_dcmqrscp(tmp_path: Path, dimse: Make, federate: Federate) -> None:
    files = a_study(tmp_path / "files", pixels=300_000)
    with qrscp(tmp_path / "peer", files) as port:
        config = federate(dimse("North", port, ae_title="QRSCP"))
        assert_whole(bring(config), files, "North")
    assert Query.objects.get().asked_by == "anna"


def test_by_c_get_from_orthanc(tmp_path: Path, dimse: Make, federate: Federate) -> None:
    files = a_study(tmp_path / "files", pixels=300_000)
    with orthanc(tmp_path / "peer", files) as (port, _):
        config = federate(dimse("North", port, ae_title="ORTHANC"))
        assert_whole(bring(config), files, "North")


@pytest.mark.parametrize("product", ["dcmqrscp", "orthanc"])
def test_by_c_move(product: str, tmp_path: Path, dimse: Make, federate: Federate) -> None:
    files = a_study(tmp_path / "files")
    with gantry() as own_port:
        if product == "dcmqrscp":
            with qrscp(tmp_path / "peer", files, own_port=own_port) as port:
                config = federate(dimse("North", port, ae_title="QRSCP", retrieve=Retrieve.MOVE))
                assert_whole(bring(config), files, "North")
        else:
            with orthanc(tmp_path / "peer", files, own_port=own_port) as (port, _):
                config = federate(dimse("North", port, ae_title="ORTHANC", retrieve=Retrieve.MOVE))
                assert_whole(bring(config), files, "North")


def test_c_move_to_a_title_that_the_source_does_not_know_says_what_to_do(
    tmp_path: Path, dimse: Make, federate: Federate
) -> None:
    files = a_study(tmp_path / "files")
    with orthanc(tmp_path / "peer", files, DicomModalities={}) as (port, _):
        config = federate(dimse("North", port, ae_title="ORTHANC", retrieve=Retrieve.MOVE))
        fetch = bring(config)
    assert fetch.state == FetchState.WAITING
    assert fetch.last_error.startswith("5 of 5 instances are missing. North: ")


def test_by_wado_from_orthanc(tmp_path: Path, dicomweb: Make, federate: Federate) -> None:
    files = a_study(tmp_path / "files", pixels=300_000)
    with orthanc(tmp_path / "peer", files) as (_, url):
        config = federate(dicomweb("South", url))
        assert_whole(bring(config), files, "South")


def test_what_is_here_is_not_fetched_again(tmp_path: Path, dimse: Make, federate: Federate) -> None:
    files = a_study(tmp_path / "files", 6, pixels=10_000)
    with qrscp(tmp_path / "peer", files) as port:
        config = federate(dimse("North", port, ae_title="QRSCP"))
        some = bring(config, series_uids=[f"{STUDY}.1"])
        assert (some.state, some.instances_expected) == (FetchState.DONE, 3)
        Instance.objects.order_by("pk").first().delete()  # type: ignore[union-attr]
        rest = bring(config)
        again = bring(config)
    assert_whole(rest, files, "North")
    assert rest.bytes_arrived < some.bytes_arrived * 2
    assert (again.state, again.bytes_arrived, again.source) == (FetchState.DONE, 0, None)


def test_nobody_has_it(tmp_path: Path, dimse: Make, federate: Federate) -> None:
    with qrscp(tmp_path / "peer", a_study(tmp_path / "files", 1)) as port:
        config = federate(dimse("North", port, ae_title="QRSCP"))
        fetch = fetch_study(config, "1.9.9", by="anna")
        work(seconds=60)
    fetch.refresh_from_db()
    assert (fetch.state, fetch.last_error) == (FetchState.FAILED, "No source has the study.")


def test_a_study_that_is_here_already_is_done(tmp_path: Path, dimse: Make, federate: Federate) -> None:
    files = a_study(tmp_path / "files")
    with gantry() as own_port, qrscp(tmp_path / "peer", files, own_port=own_port) as port:
        here = Source.objects.create(name="Here", kind=SourceKind.LOCAL)
        config = federate(here, dimse("North", port, ae_title="QRSCP"))
        assert bring(config).source.name == "North"  # type: ignore[union-attr]
        assert bring(config).source is None
