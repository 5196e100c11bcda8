"""The image and its composition name what there is; nobody builds them here."""

from __future__ import annotations

import re

from portevoix.cli import COMMANDS
from portevoix.settings import OTHERS, PREFIX, SETTINGS
from tests.deploy.parts import DEPLOY

DOCKERFILE = (DEPLOY / "docker" / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = (DEPLOY / "docker" / "compose.yaml").read_text(encoding="utf-8")


def test_every_image_is_pinned_by_its_tag() -> None:
    images = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) + re.findall(r"image: (\S+)", COMPOSE)
    assert len(images) == 4
    assert [image for image in images if not re.search(r":\d", image)] == []


def test_the_image_copies_what_the_package_is_made_of_and_no_more() -> None:
    copied = {
        name for line in re.findall(r"^COPY (?!--from)(.*) \./?\S*$", DOCKERFILE, re.MULTILINE) for name in line.split()
    }
    assert copied == {"pyproject.toml", "constraints.txt", "README.md", "LICENSE", "src"}
    root = DEPLOY.parent
    assert [name for name in copied if not (root / name).exists()] == []


def test_the_service_is_not_root_and_looked_after() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER [1-9]\d*$", last, re.MULTILINE)
    assert "HEALTHCHECK" in last
    assert "/healthz" in last


def test_what_is_run_and_set_is_known() -> None:
    assert set(re.findall(r"command: \[(\w+)\]", COMPOSE)) | set(
        re.findall(r'^CMD \["(\w+)"\]', DOCKERFILE, re.MULTILINE)
    ) <= set(COMMANDS)
    known = {name.upper() for name in SETTINGS} | OTHERS
    for path in sorted(DEPLOY.rglob("*")):
        if path.is_file():
            named = set(re.findall(rf"\b{PREFIX}([A-Z_]+)\b", path.read_text(encoding="utf-8")))
            assert named - known == set(), path.name
