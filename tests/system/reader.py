# SPDX-License-Identifier: Apache-2.0
"""Takes what a serial line brings as it comes, for a reader who looks when he likes. A socket holds but a few hundred single bytes, then the
emulated UART stands still, and after a second the hypervisor drops lines, rightly: a test that was busy elsewhere would miss them.

    with Reader(socket) as reader:  # or stop()
        os.read(reader.fd, size); with reader.pause(): ..."""
import contextlib
import fcntl
import os
import select
import threading
import time

HELD = 1 << 20  # bytes that wait to be looked at; then the line stands still after all
LOOK = 0.2  # seconds until the end of a pause, or of all, is seen


class Reader:
    def __init__(self, serial):
        self.serial = serial
        self.fd, self.into = os.pipe()
        fcntl.fcntl(self.into, fcntl.F_SETPIPE_SZ, HELD)
        self.ending = self.paused = False
        self.taking = threading.Lock()
        self.thread = threading.Thread(target=self.move, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def move(self):
        """Until the line ends, or we."""
        try:
            while not self.ending:
                if self.paused:
                    time.sleep(LOOK)
                with self.taking:
                    data = self.serial.recv(1 << 16) if select.select([self.serial], [], [], LOOK)[0] else None
                if data == b"":
                    break
                os.write(self.into, data or b"")
        except OSError:
            pass  # it was reset, or nobody looks any more
        os.close(self.into)

    @contextlib.contextmanager
    def pause(self):
        """Meanwhile nobody reads the line."""
        self.paused = True  # or the other would hardly ever let go of the lock
        with self.taking:
            self.paused = False
            yield

    def stop(self):
        """Before the line itself is closed. May be called twice."""
        if not self.ending:
            self.ending = True
            os.close(self.fd)
        self.thread.join()
