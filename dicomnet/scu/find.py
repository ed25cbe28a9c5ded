"""Ask peers what they hold, over associations that stay open (PS3.4 C.4.1)."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.dsutils import decode, encode
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    PatientRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelFind,
)

from dicomnet.scu.pool import AssociationPool
from dicomnet.wire.find import FindAssociation, FindLimits, FindRefused
from dicomnet.wire.peer import Peer, PeerError

PATIENT_ROOT = str(PatientRootQueryRetrieveInformationModelFind)
STUDY_ROOT = str(StudyRootQueryRetrieveInformationModelFind)
SYNTAXES = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))  # what we would rather have comes first

# Encodes the keys in one of SYNTAXES.
Encode = Callable[[str], bytes]

__all__ = ["PATIENT_ROOT", "STUDY_ROOT", "FindLimits", "FindRefused", "Match", "Query", "find_pool"]


@dataclass(frozen=True)
class Match:
    """One match: its identifier as the peer sent it."""

    identifier: bytes
    transfer_syntax_uid: str

    def dataset(self) -> Dataset:
        """The identifier, decoded."""
        return decode(BytesIO(self.identifier), self.transfer_syntax_uid == ImplicitVRLittleEndian, True)


def find_pool(models: Sequence[str] = (STUDY_ROOT, PATIENT_ROOT), **limits: Any) -> AssociationPool:
    """A pool of associations for queries in these models; ``limits`` as for the pool."""
    contexts = [(model, syntax) for model in models for syntax in SYNTAXES]
    return AssociationPool(lambda peer: FindAssociation(peer, contexts), **limits)


class Query:
    """One question to one peer; iterate once over its matches as they come. Leaving early stops the peer.

    An association that has waited in the pool may be broken without anybody knowing. If it proves so before the
    first answer came, the query is asked once more on a fresh one.

    Attributes:
        is_cut_short: a limit was reached, so there are more matches than were returned; known at the end.
        ignores_keys: the peer does not support some optional keys for matching; known at the end.
    """

    def __init__(
        self,
        pool: AssociationPool,
        peer: Peer,
        keys: Dataset | Encode,
        *,
        model: str = STUDY_ROOT,
        limits: FindLimits | None = None,
    ) -> None:
        self.is_cut_short = False
        self.ignores_keys = False
        self._pool = pool
        self._peer = peer
        self._keys = keys
        self._model = model
        self._limits = limits or FindLimits()

    def __iter__(self) -> Generator[Match]:
        """Ask.

        Raises:
            FindRefused: the peer answered with a failure.
            PeerError: the peer cannot be reached, does not take the model, or was lost in the middle.
        """
        is_retry = False
        while True:
            count = 0
            with self._pool.lend(self._peer, fresh=is_retry) as lent:
                syntax, identifier = self._encoded(lent.assoc)
                try:
                    with lent.assoc.find((self._model, syntax), identifier, self._limits) as finding:
                        for count, match in enumerate(finding, start=1):  # noqa: B007 (read after a failure)
                            yield Match(match, syntax)
                    self.is_cut_short, self.ignores_keys = finding.is_cut_short, finding.ignores_keys
                except FindRefused:
                    raise
                except PeerError:
                    if lent.is_fresh or count:
                        raise
                else:
                    return
            is_retry = True

    def _encoded(self, assoc: FindAssociation) -> tuple[str, bytes]:
        """The transfer syntax to use, and the keys in it."""
        syntax = next((syntax for syntax in SYNTAXES if (self._model, syntax) in assoc.contexts), None)
        if syntax is None:
            raise PeerError(f"{self._peer} takes no queries of the model {UID(self._model).name}")
        if callable(self._keys):
            return syntax, self._keys(syntax)
        identifier = encode(self._keys, syntax == ImplicitVRLittleEndian, True)
        if not identifier:
            raise ValueError("the keys of the query cannot be encoded")
        return syntax, identifier
