"""A server killed under load, and steps that are dropped, doubled and reordered: each acknowledged step counts, once.

``python tests/campaigns/server_kills.py --kills 100 --clients 64``
    Clients step sessions of one LSTM(64) as fast as they can; the server is killed at random moments and started anew. A
    client sends again what was not answered. In the end every answer must be, bit for bit, that of the network run alone.
``python tests/campaigns/server_kills.py --schedules 10000``
    Each schedule sends the steps of a session in an order of its own: some twice, some with another body, some with the
    connection cut before the answer, two at once. Every answer must be the one that the protocol promises.
"""

import argparse
import asyncio
import random
import tempfile
import time
from pathlib import Path

import numpy as np
from recorded import record
from served import Client, Served, save_network

from gatewise.stepping import read_network


def value(session, seq):
    """Return what is observed: different for each session and step."""
    return float(np.float32(np.sin(session * 1.7 + seq * 0.3)))


class Alone:
    """The network stepped by itself, without a server."""

    def __init__(self, folder):
        self.steps = read_network(folder).pure_steps()

    def outputs(self, values):
        """Return the outputs of all steps of a session."""
        if not values:
            return []
        return self.steps.step(self.steps.begin, np.array(values, "float32")[:, None])[1][:, 0].tolist()


async def feed(port, session, told, until):
    """Step a session until the server is gone; begin with what is not known to be taken."""
    client = Client(port)
    found = await client.ask("GET", f"/v1/sessions/s{session}")
    if found is None:
        return
    if found[0] == 404 and not told["answers"]:
        found = await client.ask("POST", "/v1/models/lstm/sessions", {"id": f"s{session}"})
        if found is None:
            return
    status, said = found
    acknowledged = len(told["answers"])
    assert status in (200, 201), said
    # At most one step was on its way when the server was killed.
    assert acknowledged <= said["seq"] <= acknowledged + 1, (
        f"{said['seq']} steps are there, {acknowledged} were acknowledged"
    )
    while time.monotonic() < until:
        seq = len(told["answers"]) + 1
        answer = await client.ask("POST", f"/v1/sessions/s{session}/steps", {"seq": seq, "x": [value(session, seq)]})
        if answer is None:
            return
        status, said = answer
        assert status == 200, said
        assert said["seq"] == seq
        told["replayed"] += said["replayed"]
        told["answers"].append(said["y"][0])
    await client.close()


def killed(kills, clients, seed, scratch, folder):
    """Kill a server under load; return what was found."""
    rng = random.Random(seed)
    told = [{"answers": [], "replayed": 0} for _ in range(clients)]

    async def turn(port, seconds, server):
        ends = time.monotonic() + 60
        tasks = [asyncio.create_task(feed(port, session, told[session], ends)) for session in range(clients)]
        await asyncio.sleep(seconds)
        server.kill()
        await asyncio.gather(*tasks)

    for _ in range(kills):
        server = Served({"lstm": folder}, scratch / "sessions")
        asyncio.run(turn(server.port, rng.uniform(0.1, 1.0), server))
    server = Served({"lstm": folder}, scratch / "sessions")

    async def seqs():
        client = Client(server.port)
        return [(await client.ask("GET", f"/v1/sessions/s{session}"))[1]["seq"] for session in range(clients)]

    there = asyncio.run(seqs())
    status, log = server.stop()
    alone = Alone(folder)
    wrong = lost = 0
    for session, one in enumerate(told):
        lost += there[session] < len(one["answers"])
        expected = alone.outputs([value(session, seq) for seq in range(1, len(one["answers"]) + 1)])
        wrong += sum(got != right for got, right in zip(one["answers"], expected, strict=True))
    return {
        "kills": kills,
        "clients": clients,
        "acknowledged_steps": sum(len(one["answers"]) for one in told),
        "replayed": sum(one["replayed"] for one in told),
        "lost": lost,
        "differing": wrong,
        "exit_status": status,
        "tracebacks": log.count("Traceback"),
    }


async def scheduled(port, number, alone, counts):
    """Play one schedule; count what was answered."""
    rng, name = random.Random(number), f"p{number}"
    first, second = Client(port), Client(port)
    status, _ = await first.ask("POST", "/v1/models/lstm/sessions", {"id": name})
    assert status == 201
    length = rng.randint(1, 6)
    right = alone.outputs([value(number, seq) for seq in range(1, length + 1)])
    # How many steps are known to be taken, and how many may be.
    least = most = 0

    def judged(seq, answer, changed=False):
        nonlocal least, most
        status, said = answer
        counts[said.get("code", "replayed" if said.get("replayed") else "applied")] += 1
        if changed and seq <= least:
            assert (status, said["code"]) == (422, "seq_reused"), said
        elif seq > most + 1:
            assert (status, said["code"]) == (409, "seq_gap"), said
            assert least + 1 <= said["detail"]["expected"] <= most + 1
        elif status == 200:
            assert not changed
            assert said["y"][0] == right[seq - 1], f"step {seq} of schedule {number}"
            assert said["replayed"] or seq > least
            least, most = max(least, seq), max(most, seq)
        else:
            # Taken only where what was cut off had not come.
            assert (status, said["code"]) == (409, "seq_gap"), said
            assert seq > least + 1

    while least < length:
        seq = rng.choice((least + 1, least + 1, least + 1, rng.randint(1, length)))
        path, body = f"/v1/sessions/{name}/steps", {"seq": seq, "x": [value(number, seq)]}
        what = rng.random()
        if what < 0.15:
            await first.send("POST", path, body)
            if rng.random() < 0.5:
                await asyncio.sleep(0)
            await first.close()
            counts["cut"] += 1
            if seq <= most + 1:
                most = max(most, seq)
        elif what < 0.3:
            answers = await asyncio.gather(first.ask("POST", path, body), second.ask("POST", path, body))
            # In the order in which they can have been answered: one may have come before a step that was cut off, the other
            # after it.
            for answer in sorted(answers, key=lambda one: (one[0] == 200, one[1].get("replayed", True))):
                judged(seq, answer)
            assert sum(one[0] == 200 and not one[1]["replayed"] for one in answers) <= 1
        elif what < 0.4 and seq <= least:
            judged(seq, await first.ask("POST", path, {**body, "x": [body["x"][0] + 1.0]}), changed=True)
        else:
            judged(seq, await first.ask("POST", path, body))
    for client in (first, second):
        await client.close()


def schedules(number, first, scratch, folder):
    """Play many schedules, some beside each other; return what was found."""
    server, alone = Served({"lstm": folder}, scratch / "scheduled"), Alone(folder)
    counts = dict.fromkeys(("applied", "replayed", "seq_gap", "seq_reused", "cut"), 0)

    async def play():
        left = iter(range(first, first + number))

        async def one_after_the_other():
            for each in left:
                await scheduled(server.port, each, alone, counts)

        await asyncio.gather(*(one_after_the_other() for _ in range(16)))

    asyncio.run(play())
    megabytes = server.megabytes()
    status, log = server.stop()
    return {
        "schedules": number,
        "answers": counts,
        "wrong": 0,
        "megabytes": megabytes,
        "exit_status": status,
        "tracebacks": log.count("Traceback"),
    }


def main():
    """Run what the command line asks for, and record it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--schedules", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0, help="of the kills; the number of the first schedule")
    parser.add_argument("--network", type=Path, help="a saved network that reads and says one number; else one is made")
    parser.add_argument("--short", action="store_true", help="record nothing")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        network = given.network or save_network(Path(scratch) / "lstm")
        if given.kills:
            found = killed(given.kills, given.clients, given.seed, Path(scratch), network)
            record("server_kills", found, not given.short)
        if given.schedules:
            found = schedules(given.schedules, given.seed, Path(scratch), network)
            record("server_schedules", found, not given.short)


if __name__ == "__main__":
    main()
