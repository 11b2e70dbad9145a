"""Laws of sessions: whatever is sent, again, late or never, and wherever the process ends, each step was taken once.

The machine compares sessions with a dictionary of what they should be; steps are computed by hand beside it.
"""

import asyncio
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, rule

from gatewise.serving.terms.limits import Limits
from gatewise.serving.terms.problems import Problem
from serving.made_models import Memory
from serving.made_sessions import Hands, Opened, refused

TTL = 100.0
VALUES = st.integers(-8, 8).map(float)


class Sessions(RuleBasedStateMachine):
    """Sessions, and beside them what each of them should be."""

    names = Bundle("names")
    gone = Bundle("gone")
    snapshots = Bundle("snapshots")

    @initialize()
    def begin_server(self):
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp())
        self.hands = Hands()
        self.model = Memory()
        self.right = {}
        self.made = 0
        self.open()

    def open(self):
        # A cache of two: most sessions are read from the disk each time.
        self.opened = Opened(self.folder / "s", [self.model], Limits(hot_sessions=2), self.hands)

    def do(self, call):
        return self.loop.run_until_complete(call)

    def new_name(self):
        self.made += 1
        return f"s{self.made}"

    @rule(target=names, warmup=st.lists(st.tuples(VALUES, VALUES).map(list), max_size=3))
    def begin(self, warmup):
        name = self.new_name()
        body = {"id": name, "ttl_s": TTL, **({"warmup": warmup} if warmup else {})}
        assert self.do(self.opened.sessions.create(self.model, body)).new
        assert not self.do(self.opened.sessions.create(self.model, body)).new
        state = self.model.begin()
        if warmup:
            state, _ = self.model.step(state, np.array(warmup))
        self.right[name] = {"seq": 0, "state": state, "sent": {}, "used": self.hands.seconds}
        return name

    def alive(self, name):
        found = self.right[name]
        if "why" not in found and self.hands.seconds - found["used"] > TTL:
            found["why"] = "expired"
        if "why" in found:
            problem = self.do(refused(self.opened.sessions.step(name, {"seq": 1, "x": [0, 0]})))
            assert problem.code == f"session_{found['why']}"
        return "why" not in found

    @rule(name=names, rows=st.lists(st.tuples(VALUES, VALUES).map(list), min_size=1, max_size=3), lost=st.booleans())
    def step(self, name, rows, lost):
        if not self.alive(name):
            return
        found = self.right[name]
        seq = found["seq"] + 1
        body = {"seq": seq, "xs": rows} if len(rows) > 1 else {"seq": seq, "x": rows[0]}
        # An answer that is lost on its way is asked for again.
        answers = [json.loads(self.do(self.opened.sessions.step(name, body))) for _ in range(1 + lost)]
        found["state"], said = self.model.step(found["state"], np.array(rows))
        found |= {"seq": seq + len(rows) - 1, "used": self.hands.seconds}
        found["sent"][seq] = (body, said.tolist())
        for answer, replayed in zip(answers, (False, True), strict=False):
            right = {"ys": said.tolist()} if "xs" in body else {"y": said.tolist()[0]}
            assert answer == {"seq": found["seq"], **right, "replayed": replayed}

    @rule(name=names, data=st.data(), other=st.booleans())
    def send_again(self, name, data, other):
        if not self.alive(name) or not self.right[name]["sent"]:
            return
        seq, (body, _) = data.draw(st.sampled_from(sorted(self.right[name]["sent"].items())))
        if other:
            changed = {"seq": seq, "x": [99.0, 99.0]}
            assert self.do(refused(self.opened.sessions.step(name, changed))).code == "seq_reused"
        else:
            assert json.loads(self.do(self.opened.sessions.step(name, body)))["replayed"]

    @rule(name=names, ahead=st.integers(2, 9))
    def send_early(self, name, ahead):
        if self.alive(name):
            early = {"seq": self.right[name]["seq"] + ahead, "x": [0, 0]}
            problem = self.do(refused(self.opened.sessions.step(name, early)))
            assert (problem.code, problem.detail["expected"]) == ("seq_gap", self.right[name]["seq"] + 1)

    @rule(name=names, values=st.lists(st.tuples(VALUES, VALUES).map(list), min_size=2, max_size=4))
    def send_at_once(self, name, values):
        """Several callers send the same number: one of them is right."""
        if not self.alive(name):
            return
        found = self.right[name]
        seq = found["seq"] + 1

        async def all_at_once():
            calls = (self.opened.sessions.step(name, {"seq": seq, "x": value}) for value in values)
            return await asyncio.gather(*calls, return_exceptions=True)

        answers = self.do(all_at_once())
        applied = [k for k, a in enumerate(answers) if isinstance(a, bytes) and not json.loads(a)["replayed"]]
        assert len(applied) == 1
        won = values[applied[0]]
        for value, answer in zip(values, answers, strict=True):
            assert isinstance(answer, bytes) if value == won else answer.code == "seq_reused"
        found["state"], said = self.model.step(found["state"], np.array([won]))
        found |= {"seq": seq, "used": self.hands.seconds}
        found["sent"][seq] = ({"seq": seq, "x": won}, said.tolist())

    @rule(target=names, name=names)
    def fork(self, name):
        if not self.alive(name):
            return name
        new = self.new_name()
        assert self.do(self.opened.sessions.fork(name, {"id": new})).new
        self.right[new] = {**self.right[name], "sent": {}, "used": self.hands.seconds}
        return new

    @rule(target=snapshots, name=names)
    def take(self, name):
        if not self.alive(name):
            return None
        found = self.right[name]
        return self.opened.sessions.snapshot(name), found["seq"], found["state"]

    @rule(target=names, kept=snapshots)
    def restore(self, kept):
        if kept is None:
            return self.begin([])
        new = self.new_name()
        assert self.do(self.opened.sessions.restore(new, kept[0], False)).new
        self.right[new] = {"seq": kept[1], "state": kept[2], "sent": {}, "used": self.hands.seconds}
        return new

    @rule(name=consumes(names))
    def delete(self, name):
        if self.alive(name):
            self.do(self.opened.sessions.delete(name))
            self.right[name]["why"] = "deleted"

    @rule(seconds=st.sampled_from([1.0, 60.0, 101.0]))
    def wait(self, seconds):
        self.hands.seconds += seconds
        self.hands.wall += seconds

    @rule()
    def sweep(self):
        self.do(self.opened.sessions.sweep())

    @rule()
    def restart(self):
        self.do(self.opened.sessions.keep_clock())
        self.opened.close()
        self.open()

    def teardown(self):
        if not hasattr(self, "opened"):
            return
        try:
            for name, found in self.right.items():
                if self.alive(name):
                    session = self.opened.sessions.live.get(name)
                    assert (session.seq, session.state) == (found["seq"], found["state"])
        finally:
            self.opened.close()
            self.loop.close()
            shutil.rmtree(self.folder)


TestSessions = Sessions.TestCase
TestSessions.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)


def test_what_was_answered_is_there_whatever_cut_the_writer_off(tmp_path):
    """A copy of the files at any moment is what a machine without power would find."""

    async def run():
        opened = Opened(tmp_path / "s")
        name = await opened.begin(id="a")
        for seq in range(1, 30):
            await opened.sessions.step(name, {"seq": seq, "x": [seq, 0]})
            if seq % 7 == 0:
                shutil.copytree(tmp_path / "s", tmp_path / f"copy{seq}")
        opened.close()
        for seq in (7, 14, 21, 28):
            found = Opened(tmp_path / f"copy{seq}")
            assert found.sessions.read(name)["seq"] == seq
            assert json.loads(await found.sessions.step(name, {"seq": seq, "x": [seq, 0]}))["replayed"]
            found.close()

    asyncio.run(run())


def test_a_log_that_lost_its_end_is_the_store_before_it(tmp_path):
    async def run():
        opened = Opened(tmp_path / "s")
        name = await opened.begin(id="a")
        for seq in range(1, 9):
            await opened.sessions.step(name, {"seq": seq, "x": [seq, 0]})
        shutil.copytree(tmp_path / "s", tmp_path / "cut")
        opened.close()
        log = tmp_path / "cut" / "sessions.sqlite-wal"
        log.write_bytes(log.read_bytes()[:-100])
        found = Opened(tmp_path / "cut")
        seq = found.sessions.read(name)["seq"]
        assert seq == 7
        try:
            await found.sessions.step(name, {"seq": seq + 1, "x": [8, 0]})
        except Problem as problem:
            raise AssertionError(problem) from problem
        found.close()

    asyncio.run(run())
