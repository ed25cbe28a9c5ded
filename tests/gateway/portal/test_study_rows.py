"""The rows of the study list: what came from outside stays text, and the links lead to the study."""

from html.parser import HTMLParser

import pytest
from django.utils import timezone

from gateway.portal.columns import NAMES
from gateway.portal.study_rows import study_rows
from routing.selectors import Deliveries
from studies.models import Study

pytestmark = pytest.mark.embedded
HOSTILE = '"><img src=x onerror=alert(1)> {{ 7|add:7 }} \u202e &amp;'
OUR_TAGS = {"tr", "td", "th", "input", "button", "svg", "use", "a", "time", "span"}


class Read(HTMLParser):
    """Collects tags, texts and links."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def hostile_study(**changes: str) -> Study:
    texts = {
        "study_instance_uid": "1.2.3",
        "patient_name": HOSTILE,
        "patient_id": HOSTILE,
        "patient_birth_date": HOSTILE,
        "study_date": HOSTILE,
        "modalities_in_study": f"\\{HOSTILE}\\",
        "study_description": HOSTILE,
        "accession_number": HOSTILE,
        "calling_ae_title": HOSTILE,
    }
    return Study(received_at=timezone.now(), **texts | changes)


def read(study: Study, deliveries: Deliveries | None = None) -> Read:
    found = Read()
    found.feed(study_rows([(study, deliveries)], NAMES - {"labels"}, timezone.now()))
    return found


def test_what_came_from_outside_is_text_in_every_column() -> None:
    found = read(hostile_study())

    assert found.tags <= OUR_TAGS
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert found.text.count(HOSTILE) == 7  # of a name that has an equals sign its first group is shown
    assert [value for name, value in found.attributes if name == "title"].count(HOSTILE) >= 5


def test_a_uid_that_is_none_stays_within_its_address() -> None:
    links = [value for name, value in read(hostile_study(study_instance_uid='1"/../?x=#')).attributes if name == "href"]

    assert "/studies/1%22%2F..%2F%3Fx%3D%23/" in links
    assert "/viewer/?StudyInstanceUIDs=1%22%2F..%2F%3Fx%3D%23" in links


@pytest.mark.parametrize(
    ("deliveries", "words"),
    [
        (None, "\N{EN DASH}"),
        (Deliveries(failed=1200, delivered=1), "1,200 failed"),
        (Deliveries(waiting=1, sending=1, delivered=1), "1 / 3"),
        (Deliveries(delivered=2), "delivered"),
        (Deliveries(cancelled=2), "cancelled"),
    ],
)
def test_the_worst_of_the_deliveries_is_said(deliveries: Deliveries | None, words: str) -> None:
    assert read(hostile_study(), deliveries).text.strip().endswith(words)
