from __future__ import annotations

import gzip
import logging
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from arb.net._traffic_file import TrafficWriter, read_lines

LOG = logging.getLogger("arb.test.traffic")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "x.jsonl.gz"


def numbered(file: Path, count: int) -> None:
    writer = TrafficWriter(file, LOG)
    for number in range(count):
        writer.put(f'{{"n":{number}}}\n', 10)
    writer.close()


def numbers(file: Path) -> list[int]:
    return [line["n"] for line in read_lines(file)]


def test_lines_come_back_in_order_and_gzip_reads_them_too(file: Path) -> None:
    numbered(file, 10_000)

    assert numbers(file) == list(range(10_000))
    assert gzip.decompress(file.read_bytes()).count(b"\n") == 10_000


def test_a_line_may_be_made_by_the_thread_that_writes(file: Path) -> None:
    made: list[str] = []

    def line() -> str:
        made.append(threading.current_thread().name)
        return '{"n":1}\n'

    writer = TrafficWriter(file, LOG)
    writer.put(line, 10)
    writer.close()
    assert numbers(file) == [1]
    assert made == ["traffic x.jsonl.gz"]


def test_the_file_is_its_owners_and_never_another_one(file: Path) -> None:
    numbered(file, 1)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        TrafficWriter(file, LOG)


def test_what_was_put_is_on_the_disk_within_two_seconds(file: Path) -> None:
    writer = TrafficWriter(file, LOG)
    writer.put('{"n":1}\n', 10)
    deadline = time.monotonic() + 20
    while not file.stat().st_size and time.monotonic() < deadline:
        threading.Event().wait(0.05)
    assert numbers(file) == [1]
    writer.put('{"n":2}\n', 10)
    writer.close()
    assert numbers(file) == [1, 2]


@pytest.mark.parametrize("cut", [1, 7, 30])
def test_a_file_that_was_cut_off_is_read_as_far_as_it_goes(file: Path, cut: int) -> None:
    numbered(file, 1_000)
    first = file.read_bytes()
    file.unlink()
    numbered(file, 500)
    whole = first + file.read_bytes()
    file.write_bytes(whole[:-cut])

    found = numbers(file)
    assert found[:1_000] == list(range(1_000))
    assert found[1_000:] == list(range(len(found) - 1_000))


def test_garbage_after_the_end_is_left_out_and_another_file_is_refused(file: Path) -> None:
    numbered(file, 3)
    file.write_bytes(file.read_bytes() + b"\0" * 100)
    assert numbers(file) == [0, 1, 2]

    file.write_bytes(b"no recording")
    with pytest.raises(ValueError, match="is not gzipped"):
        numbers(file)
    file.write_bytes(gzip.compress(b"[1]\n"))
    with pytest.raises(ValueError, match="no JSON object"):
        numbers(file)


FULL = """
import logging, os, resource, signal, sys, threading
from pathlib import Path
from arb.net._traffic_file import TrafficWriter
# Beyond that size the kernel refuses to write, as a full disk does.
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
logging.basicConfig(format="%(levelname)s %(message)s")
writer = TrafficWriter(Path(sys.argv[1]), logging.getLogger())
for batch in range(6):
    for number in range(20):
        writer.put(f'{{"n":{batch * 20 + number},"x":"{os.urandom(200).hex()}"}}\\n', 500)
    threading.Event().wait(0.6)
writer.close()
"""


def test_a_full_disk_ends_the_recording_with_one_warning(file: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL, str(file)], capture_output=True, text=True, check=True)

    (warning,) = done.stderr.splitlines()
    assert warning.startswith("WARNING ")
    assert "the recording of traffic has stopped: File too large" in warning
    found = numbers(file)
    assert found == list(range(len(found)))
    assert 0 < len(found) < 120
    gzip.decompress(file.read_bytes())


def test_a_line_that_cannot_be_made_ends_the_recording_and_its_text_stays_out(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def line() -> str:
        raise ValueError("hunter22")

    writer = TrafficWriter(file, LOG)
    writer.put(line, 10)
    writer.close()
    assert "ValueError" in caplog.text
    assert "hunter22" not in caplog.text


def test_a_disk_that_falls_behind_ends_the_recording(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    free = threading.Event()

    def stuck() -> str:
        free.wait(20)
        return '{"n":0}\n'

    writer = TrafficWriter(file, LOG)
    writer.put(stuck, 10)
    for _ in range(70):
        writer.put('{"n":1}\n', 1024 * 1024)
    free.set()
    writer.close()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "MiB behind" in caplog.text


KILLED = """
import logging, os, signal, sys, threading
from pathlib import Path
from arb.net._traffic_file import TrafficWriter
writer = TrafficWriter(Path(sys.argv[1]), logging.getLogger())
for number in range(200_000):
    writer.put(f'{{"n":{number}}}\\n', 1)
    if number == 150_000:
        threading.Event().wait(2.5)
        print("due", flush=True)
threading.Event().wait(60)
"""


def test_a_kill_loses_no_more_than_the_last_second(file: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(file)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "due\n"
    process.kill()
    process.wait()
    process.stdout.close()

    found = numbers(file)
    assert found == list(range(len(found)))
    assert len(found) > 150_000
    gzip.decompress(file.read_bytes())
