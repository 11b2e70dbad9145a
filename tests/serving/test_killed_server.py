"""A server that is killed while it answers: what it answered is there, and what is sent again is not taken twice."""

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

from serving.made_models import Memory
from serving.made_server import Connection

CLIENTS = 6
SERVE = Path(__file__).with_name("serve_made.py")


def started(folder):
    process = subprocess.Popen(
        [sys.executable, str(SERVE), str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    return process, int(process.stdout.readline())


def value(client, seq):
    return [client + seq / 8, -seq / 4]


def feed(port, client, acknowledged):
    """Step a session until the server is gone; the first step sent is the one after the last that was answered."""
    try:
        with Connection(port) as connection:
            while True:
                seq = acknowledged[client] + 1
                answer = connection.ask("POST", f"/v1/sessions/c{client}/steps", {"seq": seq, "x": value(client, seq)})
                if answer is None:
                    return
                assert answer[0] == 200, answer
                acknowledged[client] = json.loads(answer[2])["seq"]
    except OSError:
        return


def test_killed_again_and_again(tmp_path):
    acknowledged = [0] * CLIENTS
    for turn in range(3):
        process, port = started(tmp_path / "s")
        for client in range(CLIENTS):
            with Connection(port) as connection:
                if turn == 0:
                    connection.ask("POST", "/v1/models/memory/sessions", {"id": f"c{client}"})
                seq = json.loads(connection.ask("GET", f"/v1/sessions/c{client}")[2])["seq"]
                # At most one step was on its way when the server was killed.
                assert acknowledged[client] <= seq <= acknowledged[client] + 1
        threads = [threading.Thread(target=feed, args=(port, client, acknowledged)) for client in range(CLIENTS)]
        for thread in threads:
            thread.start()
        time.sleep(0.25)
        process.kill()
        for thread in threads:
            thread.join()
        process.communicate()
    assert min(acknowledged) > 3
    process, port = started(tmp_path / "s")
    model = Memory()
    with Connection(port) as connection:
        for client in range(CLIENTS):
            path = f"/v1/sessions/c{client}"
            last = json.loads(connection.ask("GET", path)[2])["seq"]
            answer = connection.ask("POST", f"{path}/steps", {"seq": last + 1, "x": [0, 0]})
            rows = np.array([value(client, seq) for seq in range(1, last + 1)] + [[0, 0]])
            assert json.loads(answer[2])["y"] == model.step(model.begin(), rows)[1][-1].tolist()
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=10)
    assert (process.returncode, log) == (0, b"")
