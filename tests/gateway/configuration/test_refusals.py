"""Documents that are wrong: each is refused by one sentence that says where and what to do, and nothing is changed."""

import pytest

from gateway.configuration.problems import BadDocument
from tests.gateway.configuration.whole import load, make_whole, state

pytestmark = pytest.mark.django_db
BOMB = "version: 1\na: &a [x, x]\nb: &b [*a, *a, *a]\nrules: [*b, *b, *b]"
DESTINATION = "version: 1\ndestinations:\n  - name: New\n    ae_title: NEW\n    host: 10.1.1.1\n    port: 104\n"
STOW = (
    "version: 1\ndestinations:\n  - name: New\n    kind: stow\n    authentication: basic\n    username: me\n    url: "
)
RULE = "version: 1\nrules:\n  - name: New\n"
LONG = "x" * 65_536

DOCUMENTS = {
    "empty": ("", "The document is empty."),
    "a comment": ("# nothing", "The document is empty."),
    "a list": ("- version: 1", "line 1: The document must be a mapping"),
    "no version": ("rules: []", "version: This gateway reads documents of version 1"),
    "another version": ("version: 2", "line 1, version: This gateway reads documents of version 1"),
    "version as text": ("version: '1'", "line 1, version: This gateway reads documents of version 1"),
    "two documents": ("version: 1\n---\nversion: 1", "line 2: A second document begins here"),
    "bomb of aliases": (BOMB, "line 2, a: Anchors (&) and aliases (*) are not taken"),
    "alias alone": ("version: 1\nrules: [*x]", "line 2, rules[1]: Anchors (&) and aliases (*)"),
    "tag": ("version: 1\nrules: !!python/object/apply:os.system ['id']", "line 2, rules: Tags (!) are not taken"),
    "merge key": ("version: 1\nrules:\n  - <<: {name: A}", "line 3, rules[1]: A key must be a plain word"),
    "mapping as key": ("version: 1\n? {a: b}\n: c", "line 2: A key must be a plain word"),
    "tab": ("version: 1\nrules:\n\t- name: A", "line 3: A tab stands at the beginning of the line"),
    "open quote": ('version: 1\nrules: "abc', "This is no YAML ("),
    "open bracket": ("version: 1\nrules: [a, b", "This is no YAML ("),
    "control character": ("version: 1\nrules: [\x01]", "character that is not allowed in YAML"),
    "NUL in quotes": ('version: 1\nrules: ["\\0"]', "line 2, rules[1]: The text holds a character"),
    "nested too deep": ("version: 1\nrules: " + "[" * 5_000, "is nested deeper than 40 levels"),
    "too large": ("version: 1\n# " + "x" * 1_000_000, "at most 1,000,000 are read"),
    "key twice": ("version: 1\nrules: []\nrules: []", "line 3: “rules” stands here a second time; it is on line 2"),
    "unknown section": ("version: 1\nrule: []", "line 2, rule: There is no such section; did you mean rules?"),
    "section of text": ("version: 1\nrules: all", "line 2, rules: Give a list of entries"),
    "entry of text": ("version: 1\nrules: [all]", "line 2, rules[1]: Give the fields of the rule"),
    "unknown field": (
        RULE + "    destination: []",
        "line 4, rules[1].destination: There is no such field; did you mean",
    ),
    "database key": (RULE + "    id: 7", "line 4, rules[1].id: There is no such field"),
    "field that is only read": (
        DESTINATION + "    last_error: x",
        "line 7, destinations[1].last_error: There is no such",
    ),
    "no name": ("version: 1\nrules:\n  - order: 5", "line 3, rules[1].name: This is needed."),
    "name twice": (RULE + "  - name: New", "line 4, rules[2]: New stands here a second time; it is on line 3"),
    "name of 64 KiB": (f"version: 1\nrules:\n  - name: {LONG}", "line 3, rules[1].name: Ensure this field has no more"),
    "comment of 64 KiB": (DESTINATION + f"    comment: {LONG}", "line 7, destinations[1].comment: Ensure this field"),
    "number of 64 KiB": (DESTINATION + f"    batch_size: {'9' * 65_536}", "line 7, destinations[1].batch_size: "),
    "spaces around a name": ("version: 1\nrules:\n  - name: ' A'", "line 3, rules[1].name: Take away the spaces"),
    "name of a list": ("version: 1\nrules:\n  - name: [a]", "line 3, rules[1].name: Give a text."),
    "wrong type": (DESTINATION + "    batch_size: many", "line 7, destinations[1].batch_size: A valid integer"),
    "wrong choice": (DESTINATION + "    kind: ftp", 'line 7, destinations[1].kind: "ftp" is not a valid choice'),
    "switch of a word": (DESTINATION + "    is_enabled: maybe", "line 7, destinations[1].is_enabled: Must be a valid"),
    "no port": ("version: 1\ndestinations: [{name: N, ae_title: A, host: h}]", "destinations[1].port: This is needed."),
    "missing reference": (
        RULE + "    destinations: [Nowhere]",
        "rules[1].destinations[1]: There is no destination Nowhere",
    ),
    "reference of a number": (RULE + "    destinations: 7", "line 4, rules[1].destinations: Give the names"),
    "missing pool": (
        "version: 1\nai_workers: [{name: w, pool: P, ae_title: A, host: h}]",
        "There is no AI pool P: add it",
    ),
    "no pool": (
        "version: 1\nai_workers: [{name: w, ae_title: A, host: h}]",
        "ai_workers[1].pool: This field is required",
    ),
    "bad condition": (RULE + "    conditions: [{attribute: Modality}]", "line 4, rules[1].conditions: "),
    "bad action": (RULE + "    actions: [{action: explode}]", "line 4, rules[1].actions: "),
    "metadata service": (
        STOW + "http://169.254.169.254/x\n    secret: {from: env, name: GANTRY_DEST_TEST}",
        "line 7, destinations[1].url: ",
    ),
    "own listener": (
        "version: 1\ndestinations: [{name: Me, ae_title: GANTRY, host: 127.0.0.1, port: 11112}]",
        "destinations[1].host: Port 11112 there is one of Gantry's own",
    ),
    "secret itself": (
        STOW + "https://a.example\n    secret: geheim",
        "secret: Write kept, {from: env, name: VARIABLE}",
    ),
    "secret left out": (STOW + "https://a.example", "destinations[1].secret: This is needed: write kept"),
    "nothing to keep": (STOW + "https://a.example\n    secret: kept", "New has no secret here that could be kept"),
    "secret of the gateway": (
        STOW + "https://a.example\n    secret: {from: env, name: GANTRY_ENCRYPTION_KEYS}",
        "Name a variable that begins with GANTRY_DEST_",
    ),
    "variable that is not set": (
        STOW + "https://a.example\n    secret: {from: env, name: GANTRY_DEST_NOT_SET}",
        "The variable GANTRY_DEST_NOT_SET is not set",
    ),
    "file elsewhere": (
        STOW + "https://a.example\n    secret: {from: file, name: ../encryption_keys}",
        "without a path.",
    ),
    "secret not needed": (
        DESTINATION + "    secret: kept",
        "line 7, destinations[1].secret: It signs in without a secret",
    ),
    "folder without root": (
        "version: 1\nlocations: [{name: l, path: archive}]",
        "line 2, locations[1].path: ",
    ),
    "policy to the same tier": (
        "version: 1\npolicies: [{name: p, from_tier: hot, to_tier: hot}]",
        "policies[1].to_tier: A policy moves to another tier",
    ),
    "member that is not there": (
        "version: 1\nfederations: [{name: f, sources: [{source: Nowhere}]}]",
        "federations[1].sources[1].source: There is no source Nowhere",
    ),
    "member twice": (
        "version: 1\nfederations: [{name: f, sources: [{source: here}, {source: here}]}]",
        "federations[1].sources[2]: The source stands in this federation already.",
    ),
    "member of another kind": (
        "version: 1\nfederations: [{name: f, sources: all}]",
        "federations[1].sources: Give a list",
    ),
    "AE title of another": (
        "version: 1\nfederations: [{name: other, ae_title: ALL}]",
        "federations[1].ae_title: ",
    ),
    "bounds out of order": (
        "version: 1\nquiet_times: [{calling_ae_title: A, floor_seconds: 9, ceiling_seconds: 5}]",
        "quiet_times[1].ceiling_seconds: The ceiling must not be below the floor.",
    ),
}


def test_bad_documents_are_refused_in_one_sentence_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANTRY_DEST_TEST", "geheim")
    make_whole()
    before = state()

    refusals = {name: refusal(text) for name, (text, _) in DOCUMENTS.items()}

    assert {
        name: said
        for name, said in refusals.items()
        if DOCUMENTS[name][1] not in said or len(said.splitlines()) != 1 or len(said) > 400
    } == {}
    assert state() == before


def refusal(text: str) -> str:
    try:
        load(text)
    except BadDocument as error:
        return str(error)
    return "(taken)"


def test_every_problem_is_told_at_once_with_its_line() -> None:
    text = (
        DESTINATION + "    batch_size: 0\n  - {name: Other, kind: folder, path: archive}\n" + RULE[11:] + "    order: x"
    )

    with pytest.raises(BadDocument) as refused:
        load(text)

    assert [problem.line for problem in refused.value.problems] == [7, 8, 11]


def test_what_follows_from_another_problem_is_not_told() -> None:
    text = DESTINATION + "    batch_size: 0\n" + RULE[11:] + "    destinations: [New]"

    with pytest.raises(BadDocument) as refused:
        load(text)

    assert [problem.path for problem in refused.value.problems] == ["destinations[1].batch_size"]


def test_bytes_that_are_no_text() -> None:
    from gateway.configuration.parse import parse

    with pytest.raises(BadDocument, match="UTF-8"):
        parse(b"version: \xff")
