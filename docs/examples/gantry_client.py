"""A small client of Gantry's API (docs/api-client.md); with gantry_http.py and gantry_forms.py it needs httpx alone."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, Unpack

import httpx
from gantry_forms import (
    Change,
    Delivery,
    DeliveryFilters,
    Destination,
    Found,
    Instance,
    Level,
    Location,
    Move,
    Rule,
    Stored,
    Study,
    StudyDetail,
    StudyFilters,
    Tier,
)
from gantry_http import (
    PIECE_BYTES,
    ApiKey,
    Conflict,
    NotAllowed,
    NotFound,
    NotSignedIn,
    NotValid,
    Parts,
    Problem,
    SignIn,
    seconds_to_wait,
)

__all__ = [
    "ApiKey",
    "Conflict",
    "Gantry",
    "NotAllowed",
    "NotFound",
    "NotSignedIn",
    "NotValid",
    "Problem",
    "Rows",
    "SignIn",
]
PAGE_SIZE = 200
Row = TypeVar("Row")


class Gantry:
    """One Gantry, and who asks it.

    Args:
        url: such as ``https://gantry.example.org``.
        auth: an ApiKey or a SignIn.
        timeout_seconds: of silence, after which a request fails.
        patience_seconds: how long a request is tried again while Gantry says that it is busy, or that an instance is
            being brought back from a slower tier.
    """

    def __init__(
        self, url: str, auth: httpx.Auth, *, timeout_seconds: float = 60.0, patience_seconds: float = 300.0
    ) -> None:
        self._http = httpx.Client(base_url=url, auth=auth, timeout=timeout_seconds)
        self._patience_seconds = patience_seconds
        self.destinations: Rows[Destination] = Rows(self, "destinations")
        self.rules: Rows[Rule] = Rows(self, "rules")
        self.tiers: Rows[Location] = Rows(self, "tiers")
        self.federations: Rows[dict[str, Any]] = Rows(self, "config/spanner")
        self.sources: Rows[dict[str, Any]] = Rows(self, "sources")

    @classmethod
    def with_key(cls, url: str, key: str, **given: float) -> Self:
        """For programs."""
        return cls(url, ApiKey(key), **given)

    @classmethod
    def signed_in(cls, url: str, username: str, password: str, otp: str = "", **given: float) -> Self:
        """For programs that act for a person; ``otp`` is the code of a second factor."""
        return cls(url, SignIn(url, username, password, otp), **given)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections; a ``with`` does it too."""
        self._http.close()

    @contextmanager
    def stream(self, method: str, path: str, **given: Any) -> Iterator[httpx.Response]:
        """Ask anything, and read the answer piece by piece.

        Args:
            method: of HTTP.
            path: below the URL, such as ``api/v1/studies``.
            given: as httpx takes it: ``params``, ``json``, ``headers``, ``content``.

        Raises:
            Problem: the answer is an error, and patience was no help.
        """
        until = time.monotonic() + self._patience_seconds
        for tries in count():
            with self._http.stream(method, path, **given) as response:
                if response.is_success:
                    yield response
                    return
                response.read()
            pause = seconds_to_wait(response, tries)
            if pause is None or time.monotonic() + pause > until:
                raise Problem.of(response)
            time.sleep(pause)

    def call(self, method: str, path: str, **given: Any) -> Any:
        """Ask anything of the API; None where there is no content.

        Raises:
            Problem: the answer is an error.
        """
        with self.stream(method, f"api/v1/{path}", **given) as response:
            response.read()
            return response.json() if response.content else None

    def pages(self, path: str, filters: Mapping[str, Any]) -> Iterator[Any]:
        """Every row of a list, however many pages that are."""
        for page in count(1):
            found = self.call("GET", path, params={**filters, "page": page, "page_size": PAGE_SIZE})
            yield from found["results"]
            if found["next"] is None:
                return

    def me(self) -> dict[str, Any]:
        """Who asks, and in which role."""
        found: dict[str, Any] = self.call("GET", "auth/me")
        return found

    # Studies

    def studies(self, **filters: Unpack[StudyFilters]) -> Iterator[Study]:
        """All that match; the first received first, so that what comes in meanwhile comes last and moves nothing."""
        yield from self.pages("studies", {"ordering": "received_at", **filters})

    def study(self, study_uid: str) -> StudyDetail:
        """One, with its series."""
        found: StudyDetail = self.call("GET", f"studies/{study_uid}")
        return found

    def instances(self, study_uid: str) -> Iterator[Instance]:
        """All of a study."""
        yield from self.pages(f"studies/{study_uid}/instances", {})

    def download(self, study_uid: str, sop_instance_uid: str, path: Path) -> int:
        """Write an instance's file, and wait for one that is brought back from a slower tier. Returns its bytes."""
        part = path.with_name(f"{path.name}.part")  # a file under its own name is whole
        address = f"api/v1/studies/{study_uid}/instances/{sop_instance_uid}/file"
        with self.stream("GET", address) as response, part.open("wb") as file:
            for piece in response.iter_bytes(PIECE_BYTES):
                file.write(piece)
        part.replace(path)
        return path.stat().st_size

    def store(self, files: Sequence[Path]) -> Stored:
        """Upload DICOM files (STOW-RS). What is stored is durable; it is found a moment later, when it is indexed."""
        parts = Parts(files)
        headers = {
            "Accept": "application/dicom+json",
            "Content-Type": parts.content_type,
            "Content-Length": str(parts.size_bytes),
        }
        try:
            with self.stream("POST", "dicom-web/studies", content=parts, headers=headers) as response:
                response.read()
        except Conflict as refused:  # which says of each part why
            response = refused.response
        found = response.json()
        return {
            "stored": [item["00081155"]["Value"][0] for item in found.get("00081199", {}).get("Value", [])],
            "failed": {
                item.get("00081155", {}).get("Value", [""])[0]: item["00081197"]["Value"][0]
                for tag in ("00081198", "0008119A")
                for item in found.get(tag, {}).get("Value", [])
            },
        }

    # Tiers

    def move(self, study_uid: str, tier: Tier) -> Move:
        """Have a study moved; the answer is the job."""
        found: Move = self.call("POST", f"studies/{study_uid}/move", json={"tier": tier})
        return found

    def wait_for(self, move: Move, *, pause_seconds: float = 2.0) -> Move:
        """Until a move has ended: ``done``, ``failed`` or ``cancelled``."""
        while move["state"] in {"waiting", "copying", "switched"}:
            time.sleep(pause_seconds)
            move = self.call("GET", f"moves/{move['id']}")
        return move

    # Deliveries

    def deliveries(self, **filters: Unpack[DeliveryFilters]) -> Iterator[Delivery]:
        """Lines of the ledger."""
        yield from self.pages("deliveries", {"ordering": "created_at", **filters})

    def retry(self, **filters: Unpack[DeliveryFilters]) -> int:
        """Try all that match at once; without a filter all that have failed. Returns how many."""
        return int(self.call("POST", "deliveries/retry", json=filters)["deliveries"])

    def replay(self, study_uid: str, destinations: Sequence[int] = ()) -> int:
        """Send a study again to where it went before, or to some of that. Returns how many instances are on the way."""
        given = {"destinations": list(destinations)} if destinations else {}
        return int(self.call("POST", f"studies/{study_uid}/replay", json=given)["deliveries"])

    # What others have, and what is new

    def search(
        self, federation: str, level: Level = "studies", *, pause_seconds: float = 0.5, **keys: str
    ) -> Iterator[Found]:
        """Ask all archives of a federation; yields what was found until now, each time more, and in the end all.

        Args:
            federation: its name.
            level: what is searched for.
            pause_seconds: between two looks.
            keys: as QIDO-RS has them, such as ``PatientID``.
        """
        params = {"spanner_config": federation, "async": "true", **keys}
        asked = self.call("GET", f"spanner/qido/{level}", params=params)
        while True:
            found: Found = self.call("GET", f"spanner/queries/{asked['query_id']}/results")
            yield found
            if found["is_finished"]:
                return
            time.sleep(pause_seconds)

    def changes(self, since: int = 0) -> Iterator[Change]:
        """What happened to studies after this sequence number, until there is no more for now.

        Keep the ``sequence`` of the last one that you have dealt with: from there you go on, a minute or a year later.
        """
        while True:
            found = self.call("GET", "changes", params={"since": since, "limit": 1000})
            yield from found["changes"]
            since = found["last"]
            if found["done"]:
                return


class Rows(Generic[Row]):
    """A list whose rows can be made, changed and deleted."""

    def __init__(self, gantry: Gantry, path: str) -> None:
        self._gantry = gantry
        self._path = path

    def __iter__(self) -> Iterator[Row]:
        yield from self._gantry.pages(self._path, {})

    def get(self, number: int) -> Row:
        """One."""
        found: Row = self._gantry.call("GET", f"{self._path}/{number}")
        return found

    def create(self, **fields: Any) -> Row:
        """Make one; what is left out has its default."""
        found: Row = self._gantry.call("POST", self._path, json=fields)
        return found

    def change(self, number: int, **fields: Any) -> Row:
        """Change these fields and no other."""
        found: Row = self._gantry.call("PATCH", f"{self._path}/{number}", json=fields)
        return found

    def delete(self, number: int) -> None:
        """Delete one; what is on record refuses it with a Conflict."""
        self._gantry.call("DELETE", f"{self._path}/{number}")
