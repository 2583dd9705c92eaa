"""Free memory as the machine and the control groups around the program say it."""

from pathlib import Path

import psutil
import pytest

from unet_studio.core.memory import amount, free_memory


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_without_a_container_it_is_what_the_machine_has(tmp_path: Path) -> None:
    assert 0 < free_memory(tmp_path) <= psutil.virtual_memory().total


def test_the_tightest_group_of_version_2_counts(tmp_path: Path) -> None:
    write(tmp_path / "proc/self", cgroup="0::/user/app\n")
    top = tmp_path / "sys/fs/cgroup"
    write(top / "user/app", memory__max="max", memory__current="7000", memory__stat="inactive_file 1")
    write(
        top / "user", memory__max="9000", memory__current="8000", memory__stat="anon 5\ninactive_file 500\n"
    )
    write(top, memory__max="90000", memory__current="1", memory__stat="anon 5")
    assert free_memory(tmp_path) == 1500


def test_version_1_and_a_limit_that_is_passed(tmp_path: Path) -> None:
    write(tmp_path / "proc/self", cgroup="5:cpu:/x\n4:memory:/docker/1\n")
    write(
        tmp_path / "sys/fs/cgroup/memory",
        memory__limit_in_bytes="1000",
        memory__usage_in_bytes="4000",
        memory__stat="total_inactive_file 10",
    )
    assert free_memory(tmp_path) == 0


def test_no_limit_of_version_1_is_none(tmp_path: Path) -> None:
    write(tmp_path / "proc/self", cgroup="4:memory:/\n")
    write(
        tmp_path / "sys/fs/cgroup/memory",
        memory__limit_in_bytes=str(2**63 - 4096),
        memory__usage_in_bytes="4000",
        memory__stat="total_inactive_file 10",
    )
    assert free_memory(tmp_path) > 2**20


@pytest.mark.parametrize(("count", "text"), [(5_230_000_000, "5.2 GB"), (17_400_000, "17 MB"), (0, "0 MB")])
def test_amounts_in_words(count: int, text: str) -> None:
    assert amount(count) == text
