"""``make load``: what the options say is the input, and what can be none is refused at once."""

import sys
from pathlib import Path

import pytest

from lambdas.load.load_request import faults
from local.load import UNUSABLE, document_of, main


@pytest.mark.parametrize("more", [{}, {"prefix": "in/"}, {"key": "b.csv"}])
def test_the_file_is_loaded_by_its_key_unless_a_prefix_is_asked_for(more: dict[str, str]) -> None:
    document = document_of("", "a.csv", more)
    assert faults(document) == []
    assert (document.get("key"), document.get("prefix")) == (
        None if "prefix" in more else more.get("key", "a.csv"),
        more.get("prefix"),
    )


@pytest.mark.parametrize("options", ["[1]", "1", "null", "{"])
def test_options_that_are_no_object_are_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: str,
) -> None:
    file = tmp_path / "a.csv"
    file.write_text("a\n1\n")
    monkeypatch.setattr(sys, "argv", ["load", f"--csv={file}", f"--options={options}"])
    assert main() == UNUSABLE
    assert capsys.readouterr().out.startswith("OPTIONS: is no JSON")
