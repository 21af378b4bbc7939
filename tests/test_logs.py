"""The log, where it is no terminal."""

import re
import subprocess
import sys

PROGRAM = """
import logging
from instrd.daemon.logs import log_to_stderr
log_to_stderr()
for number in range(2):
    logging.getLogger("instrd").warning("%d %s", number, "x" * 300)
logging.raiseExceptions = False
logging.getLogger("instrd").warning("%d", "no number")
"""


def test_a_file_gets_one_whole_line_a_message_each_with_its_time() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], stderr=subprocess.PIPE, text=True, check=True
    )
    for number, line in enumerate(done.stderr.splitlines()):
        assert re.fullmatch(rf"[-\d]{{10}} [:\d]{{8}},\d{{3}} WARNING {number} x{{300}}", line)
    assert done.stderr.count("\n") == 2
