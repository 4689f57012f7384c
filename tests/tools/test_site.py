"""The site of the documents: every page is in it, links lead where they did, and its builder has nothing to say."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_documents import dead_anchors, dead_links
from tools import lock, site

PAGES = sorted((site.ROOT / "docs").rglob("*.md"))


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the builder reads, beside its configuration."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(site.ROOT / "zensical.toml", folder)
    site.lay_out(folder / "build" / "docs")
    return folder / "build" / "docs"


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Zensical: that of ``make docs``, or one that is installed from the lock for these tests."""
    made = site.ROOT / ".venv" / "docs" / "bin" / "zensical"
    if made.exists():
        return made
    folder = tmp_path_factory.mktemp("builder")
    wanted = folder / "requirements.txt"
    asked = [sys.executable, "-m", "tools.lock", "requirements", "pylock.docs.toml"]
    wanted.write_bytes(subprocess.run(asked, cwd=lock.ROOT, check=True, stdout=subprocess.PIPE).stdout)
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    install = [str(folder / "venv/bin/pip"), "install", "--quiet", "--require-hashes", "--requirement", str(wanted)]
    done = subprocess.run(install, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        pytest.skip(f"zensical cannot be installed here: {done.stdout.strip().splitlines()[-1]}")
    return folder / "venv" / "bin" / "zensical"


def test_site_is_built_without_a_warning(laid_out: Path, builder: Path) -> None:
    """In strict mode, in which a link or an anchor that leads nowhere ends the build; each page becomes one."""
    command = [str(builder), "build", "--strict", "--config-file", str(laid_out.parents[1] / "zensical.toml")]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    assert "warning" not in done.stdout.lower()
    built = laid_out.parent / "site"
    assert "atomic script" in (built / "index.html").read_text()
    for page in PAGES:
        name = page.relative_to(site.ROOT / "docs").with_suffix("")
        assert (built / (name.parent if name.name == "README" else name) / "index.html").exists(), name


def test_builder_sees_what_leads_nowhere(tmp_path: Path, builder: Path) -> None:
    """A dead link and a dead anchor end the build, so that the test above means something."""
    (tmp_path / "docs").mkdir()
    config = tmp_path / "zensical.toml"
    config.write_text('[project]\nsite_name = "s"\ndocs_dir = "docs"\nsite_dir = "site"\n')
    for link in ("nowhere.md", "index.md#nowhere"):
        (tmp_path / "docs" / "index.md").write_text(f"# Home\n\n[x]({link})\n")
        done = subprocess.run([builder, "build", "--strict", "--config-file", config], check=False, capture_output=True)
        assert done.returncode != 0, link


def test_links_lead_somewhere_in_the_site_too(laid_out: Path) -> None:
    """Also those of the pages that lie elsewhere in the repository."""
    pages = sorted(laid_out.rglob("*.md"))
    assert len(pages) > len(PAGES)
    assert {page: found for page in pages if (found := [*dead_links(page), *dead_anchors(page)])} == {}


def test_every_page_is_read_as_it_lies_in_the_repository(laid_out: Path) -> None:
    """Laying out changes links alone."""
    for page in PAGES:
        read = (laid_out / page.relative_to(site.ROOT / "docs")).read_text()
        assert site._LINK.sub("](x)", read) == site._LINK.sub("](x)", page.read_text())


def test_what_lies_elsewhere_is_brought_along(tmp_path: Path) -> None:
    """A page, what it links to, a folder without a page, and the home page without its other sections."""
    root = tmp_path / "root"
    (root / "docs" / "runbooks").mkdir(parents=True)
    (root / "docs" / "runbooks" / "down.md").write_text("# Down\n")
    (root / "docs" / "page.md").write_text("[a](../NOTES.md#b) [r](runbooks)\n```\n[kept](as/it/is)\n```\n")
    (root / "NOTES.md").write_text("# B\n[code](deploy/x.yml) [back](docs/page.md)\n")
    (root / "deploy").mkdir()
    (root / "deploy" / "x.yml").write_text("x: 1\n")
    (root / "README.md").write_text("# service3-orchestrator\n[p](docs/page.md)\n\n## Other\nx\n## Documentation\ny\n")
    found = tmp_path / "found"
    site.lay_out(found, root)
    assert (found / "index.md").read_text() == "# service3-orchestrator\n[p](page.md)\n\n## Documentation\ny\n"
    page = "[a](repository/NOTES.md#b) [r](runbooks/index.md)\n```\n[kept](as/it/is)\n```\n"
    assert (found / "page.md").read_text() == page
    assert (found / "repository/NOTES.md").read_text() == "# B\n[code](deploy/x.yml) [back](../page.md)\n"
    assert (found / "repository/deploy/x.yml").read_text() == "x: 1\n"
    assert (found / "runbooks/index.md").read_text() == "# Runbooks\n\n- [down.md](down.md)\n"
    (root / "docs" / "page.md").write_text("[a](gone.md)\n")
    with pytest.raises(FileNotFoundError):
        site.lay_out(found, root)
