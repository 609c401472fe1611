from __future__ import annotations

import os
from pathlib import Path

import pytest

from maskedface.cli.outputs import check_outputs, picture_kind
from maskedface.names import picture_path


def test_outputs_may_lie_in_folders_that_are_not_there_yet(tmp_path: Path) -> None:
    check_outputs(str(tmp_path / "new" / "who.json"), "-", None, folder=str(tmp_path / "pictures"))
    assert not any(tmp_path.iterdir())


def test_an_output_that_would_replace_an_input_is_refused(tmp_path: Path) -> None:
    (tmp_path / "g.npz").touch()
    (tmp_path / "link.json").symlink_to("g.npz")
    with pytest.raises(ValueError, match="an output must be a file of its own"):
        check_outputs(str(tmp_path / "link.json"), inputs=[str(tmp_path / "g.npz")])
    with pytest.raises(ValueError, match="an output must be a file of its own"):
        check_outputs(str(tmp_path / "a"), str(tmp_path / "b" / ".." / "a"))


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for words in ({"folder": "file"}, {"folder": "file/in"}):
        with pytest.raises(NotADirectoryError, match="an output's folder must be a folder"):
            check_outputs(folder=str(tmp_path / words["folder"]))
    with pytest.raises(IsADirectoryError, match="an output must be a file"):
        check_outputs(str(tmp_path))


@pytest.mark.parametrize("name", ["x" * 249, "ж" * 120, "\udcff" * 240])
def test_a_pictures_name_is_cut_by_bytes(tmp_path: Path, name: str) -> None:
    path = picture_path(str(tmp_path), 7, f"{name}.png")
    assert len(os.fsencode(os.path.basename(path))) in (142, 143)
    assert os.path.basename(path).startswith(f"0007-{name[:10]}") and path.endswith(".jpg")
    Path(path).touch()


def test_a_picture_of_no_format_is_refused() -> None:
    with pytest.raises(ValueError, match="must end as .png or .jpg"):
        picture_kind("both.txt")
