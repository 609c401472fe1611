from __future__ import annotations

import unicodedata

import pytest

from maskedface.names import near_names, person_name, shown


@pytest.mark.parametrize("spelt", ["Jos\u00e9", "Jose\u0301", " Jos\u00e9\n", "\u3000Jose\u0301"])
def test_one_name_has_one_form(spelt: str) -> None:
    assert person_name(spelt) == unicodedata.normalize("NFC", "Jos\u00e9")


def test_a_name_that_is_no_unicode_is_kept() -> None:
    assert person_name("\udcc5") == "\udcc5"


@pytest.mark.parametrize("name", ["", " \t", "x" * 1_001, 7, None])
def test_what_is_no_name_is_refused(name: object) -> None:
    with pytest.raises(
        ValueError, match="name must be text of 1 to 1000 characters. Received: name="
    ):
        person_name(name)  # type: ignore[arg-type]


def test_near_names_come_by_likeness() -> None:
    known = ["Ada", "ADA", "Grace Hopper", "Edsger"]
    assert near_names("ada", known) == ("ADA", "Ada")
    assert near_names("grace hoper", known) == ("Grace Hopper",)
    assert near_names("Zuse", known) == ()


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("a\r\nb\x9b", r"a\r\nb\x9b"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\u2066\u2028", r"\u2066\u2028"),
        ("\udcc5", r"\xc5"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_moves_a_terminal_is_escaped(text: str, printed: str) -> None:
    assert shown(text) == printed


@pytest.mark.parametrize("text", ["José", "山田　太郎", "क्\u200dकिरण", "C:\\x [red]"])
def test_what_can_be_read_is_shown_as_it_is(text: str) -> None:
    assert shown(text) == text
