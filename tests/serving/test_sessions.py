"""Sessions without HTTP: exactly once, in order, whole or not at all; three different answers for what is not there."""

import asyncio
import json
import time

import numpy as np
import pytest

from gatewise.errors import EnvironmentFault
from gatewise.serving.terms.limits import Limits
from gatewise.serving.terms.problems import Problem
from serving.made_models import Memory
from serving.made_sessions import Hands, in_loop, opened, refused


def test_steps_are_the_model_s_and_come_with_their_numbers(tmp_path):
    async def run():
        async with opened(tmp_path) as o:
            name = await o.begin()
            assert json.loads(await o.sessions.step(name, {"seq": 1, "x": [1.0, 2]})) == {
                "seq": 1,
                "y": [3.0],
                "replayed": False,
            }
            answer = json.loads(await o.sessions.step(name, {"seq": 2, "xs": [[0, 4], [1, 1]]}))
            assert answer == {"seq": 3, "ys": [[5.5], [4.75]], "replayed": False}
            assert o.sessions.read(name)["seq"] == 3

    in_loop(run())


def test_a_repeated_step_is_answered_and_not_done_again(tmp_path):
    async def run():
        async with opened(tmp_path) as o:
            name = await o.begin(id="a")
            first = json.loads(await o.sessions.step(name, {"seq": 1, "x": [1, 2], "t": 10}))
            before = o.sessions.read(name)["state_sha256"]
            again = json.loads(await o.sessions.step(name, {"t": 10.0, "x": [1.0, 2.0], "seq": 1}))
            assert again == {**first, "replayed": True}
            assert o.sessions.read(name)["state_sha256"] == before
            for body in (
                {"seq": 1, "x": [1, 3], "t": 10},
                {"seq": 1, "x": [1, 2]},
                {"seq": 1, "xs": [[1, 2]], "t": 10},
            ):
                assert (await refused(o.sessions.step(name, body))).code == "seq_reused"
            gap = await refused(o.sessions.step(name, {"seq": 3, "x": [1, 2]}))
            assert (gap.code, gap.detail, str(gap)) == (
                "seq_gap",
                {"expected": 2},
                "Step 3 came, and step 2 is next.",
            )

    in_loop(run())


def test_the_last_64_calls_can_be_repeated(tmp_path):
    async def run():
        async with opened(tmp_path) as o:
            name = await o.begin()
            await o.sessions.step(name, {"seq": 1, "xs": [[1, 1]] * 3})
            for seq in range(4, 68):
                await o.sessions.step(name, {"seq": seq, "x": [seq, 0]})
            assert (await refused(o.sessions.step(name, {"seq": 1, "xs": [[1, 1]] * 3}))).code == "seq_too_old"
            assert json.loads(await o.sessions.step(name, {"seq": 4, "x": [4, 0]}))["replayed"]
            await o.sessions.step(name, {"seq": 68, "xs": [[0, 0]] * 5})
            inside = await refused(o.sessions.step(name, {"seq": 70, "x": [0, 0]}))
            assert inside.code == "seq_reused"

    in_loop(run())


def test_two_clients_with_one_number(tmp_path):
    async def run():
        async with opened(tmp_path) as o:
            name = await o.begin()
            same = await asyncio.gather(*(o.sessions.step(name, {"seq": 1, "x": [1, 2]}) for _ in range(4)))
            assert sorted(json.loads(answer)["replayed"] for answer in same) == [False, True, True, True]
            other = await asyncio.gather(
                *(o.sessions.step(name, {"seq": 2, "x": [k, 0]}) for k in range(4)), return_exceptions=True
            )
            assert [error.code for error in other if isinstance(error, Problem)] == ["seq_reused"] * 3
            assert o.sessions.read(name)["seq"] == 2

    in_loop(run())


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ([], "field_wrong", ""),
        ({"x": [1, 2]}, "field_missing", "seq"),
        ({"seq": 0, "x": [1, 2]}, "field_wrong", "seq"),
        ({"seq": -1, "x": [1, 2]}, "field_wrong", "seq"),
        ({"seq": 1.0, "x": [1, 2]}, "field_wrong", "seq"),
        ({"seq": True, "x": [1, 2]}, "field_wrong", "seq"),
        ({"seq": 2**63, "x": [1, 2]}, "field_wrong", "seq"),
        ({"seq": 1}, "field_missing", "x"),
        ({"seq": 1, "x": [1, 2], "xs": [[1, 2]]}, "field_wrong", "x"),
        ({"seq": 1, "x": [1, 2], "why": 0}, "field_unknown", "why"),
        ({"seq": 1, "x": [1, None]}, "number_not_finite", "x[1]"),
        ({"seq": 1, "x": [1, 10**400]}, "number_not_finite", "x[1]"),
        ({"seq": 1, "xs": [[1, 2], [1e300, 2]]}, "number_not_finite", "xs[1][0]"),
        ({"seq": 1, "x": [1, "2"]}, "field_wrong", "x[1]"),
        ({"seq": 1, "x": [1, True]}, "field_wrong", "x[1]"),
        ({"seq": 1, "x": [1]}, "shape_wrong", "x"),
        ({"seq": 1, "x": 5}, "field_wrong", "x"),
        ({"seq": 1, "xs": []}, "field_wrong", "xs"),
        ({"seq": 1, "xs": [[1, 2]] * 1001}, "field_wrong", "xs"),
        ({"seq": 1, "xs": [[1, 2], [1, 2], [1, None]]}, "number_not_finite", "xs[2][1]"),
        ({"seq": 1, "x": [1, 2], "t": "yesterday"}, "field_wrong", "t"),
        ({"seq": 1, "x": [1, 2], "t": "2026-01-01T00:00:00"}, "field_wrong", "t"),
        ({"seq": 1, "x": [3e38, 3e38]}, "state_not_finite", None),
    ],
)
def test_a_wrong_step_changes_nothing(tmp_path, body, code, field):
    async def run():
        async with opened(tmp_path) as o:
            name = await o.begin()
            before = o.sessions.read(name)["state_sha256"]
            problem = await refused(o.sessions.step(name, body))
            assert (problem.code, problem.field) == (code, field)
            assert (o.sessions.read(name)["seq"], o.sessions.read(name)["state_sha256"]) == (0, before)
            assert json.loads(await o.sessions.step(name, {"seq": 1, "x": [1, 2]}))["y"] == [3.0]

    in_loop(run())


def test_times_go_forward_and_gaps_are_told_or_refused(tmp_path):
    async def run():
        async with opened(tmp_path) as o:
            told = await o.begin(id="told", time_step_s=60)
            await o.sessions.step(told, {"seq": 1, "x": [0, 0], "t": "2026-01-01T00:00:00Z"})
            answer = json.loads(await o.sessions.step(told, {"seq": 2, "x": [0, 0], "t": "2026-01-01T01:03:00+01:00"}))
            assert answer["missing"] == 2
            for late in ("2026-01-01T00:03:00Z", "2026-01-01T00:02:59Z"):
                problem = await refused(o.sessions.step(told, {"seq": 3, "x": [0, 0], "t": late}))
                assert problem.code == "time_not_later"
            strict = await o.begin(id="strict", time_step_s=60, gaps="refuse")
            await o.sessions.step(strict, {"seq": 1, "x": [0, 0], "t": 0})
            problem = await refused(o.sessions.step(strict, {"seq": 2, "x": [0, 0], "t": 180}))
            assert (problem.code, problem.detail) == ("time_gap", {"missing": 2})
            assert "missing" not in json.loads(await o.sessions.step(strict, {"seq": 2, "xs": [[0, 0]] * 3, "t": 180}))

    in_loop(run())


def test_begun_once(tmp_path):
    async def run():
        async with opened(tmp_path, limits=Limits(sessions=2)) as o:
            first = await o.sessions.create(o.model, {"id": "a", "warmup": [[1, 2], [0, 4]]})
            again = await o.sessions.create(o.model, {"warmup": [[1, 2], [0, 4]], "id": "a"})
            assert (first.new, again.new) == (True, False)
            assert o.sessions.read("a")["seq"] == 0
            assert json.loads(await o.sessions.step("a", {"seq": 1, "x": [0, 0]}))["y"] == [2.75]
            assert (await refused(o.sessions.create(o.model, {"id": "a"}))).code == "session_exists"
            await o.begin(id="b")
            problem = await refused(o.sessions.create(o.model, {"id": "c"}))
            assert (problem.code, str(problem)) == ("session_limit", "The server has 2 sessions, and may have 2.")
            await o.sessions.delete("b")
            await o.begin(id="c")

    in_loop(run())


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "x" * 65, "-a", "а", "a\n", "a b", 7, ".a"])
def test_names_that_are_none(tmp_path, name):
    async def run():
        async with opened(tmp_path) as o:
            problem = await refused(o.sessions.create(o.model, {"id": name}))
            assert (problem.code, problem.field) == ("field_wrong", "id")

    in_loop(run())


def test_unknown_deleted_and_expired_are_three_answers(tmp_path):
    async def run():
        hands = Hands()
        async with opened(tmp_path, hands=hands) as o:
            await o.begin(id="deleted")
            await o.begin(id="expired", ttl_s=60)
            await o.begin(id="used", ttl_s=60)
            await o.sessions.delete("deleted")
            await o.sessions.delete("deleted")
            hands.seconds += 50
            await o.sessions.step("used", {"seq": 1, "x": [1, 2]})
            hands.seconds += 20
            for _ in range(2):
                for name in ("unknown", "deleted", "expired"):
                    step = await refused(o.sessions.step(name, {"seq": 1, "x": [1, 2]}))
                    assert (step.code, step.status) == (f"session_{name}", 404 if name == "unknown" else 410)
                    assert (await refused(o.sessions.fork(name, {}))).code == f"session_{name}"
                assert o.sessions.live.count == (2 if _ == 0 else 1)
                await o.sessions.sweep()
            assert o.sessions.read("used")["seq"] == 1
            assert (await refused(o.sessions.create(o.model, {"id": "deleted"}))).code == "session_deleted"
            hands.seconds += 24 * 3600 + 1
            await o.sessions.sweep()
            await o.sessions.sweep()
            assert (await refused(o.sessions.delete("deleted"))).code == "session_unknown"
            await o.begin(id="deleted")

    in_loop(run())


def test_a_session_survives_restarts_and_wall_clocks_that_jump(tmp_path):
    async def run():
        hands = Hands()
        async with opened(tmp_path, hands=hands) as o:
            await o.begin(id="a", ttl_s=3600)
            await o.sessions.step("a", {"seq": 1, "x": [1, 2]})
            hands.wall += 365 * 24 * 3600
            assert o.sessions.read("a")["seq"] == 1
            await o.sessions.keep_clock()
            told = o.sessions.read("a")
        hands.seconds, hands.wall = 5.0, hands.wall - 7200
        async with opened(tmp_path, hands=hands) as o:
            assert o.sessions.read("a")["state_sha256"] == told["state_sha256"]
            assert json.loads(await o.sessions.step("a", {"seq": 1, "x": [1, 2]}))["replayed"]
            assert json.loads(await o.sessions.step("a", {"seq": 2, "x": [0, 0]}))["y"] == [1.5]
            await o.sessions.keep_clock()
        hands.wall += 3601
        async with opened(tmp_path, hands=hands) as o:
            assert (await refused(o.sessions.step("a", {"seq": 3, "x": [0, 0]}))).code == "session_expired"

    in_loop(run())


def test_forks_forecasts_and_snapshots_leave_a_session_as_it_is(tmp_path):
    async def run():
        async with opened(tmp_path) as o:
            await o.begin(id="a")
            await o.sessions.step("a", {"seq": 1, "x": [4, 0]})
            before = {**o.sessions.read("a"), "idle_s": 0}
            told = await o.sessions.forecast("a", {"horizon": 2})
            assert told == {"session": "a", "seq": 1, "horizon": 2, "y": [[2.0], [1.0]]}
            for body, field in (
                ({}, "horizon"),
                ({"horizon": 10**6}, "horizon"),
                ({"horizon": 1, "level": [0]}, "level[0]"),
            ):
                assert (await refused(o.sessions.forecast("a", body))).field == field
            fork = await o.sessions.fork("a", {"id": "b", "at": 1})
            assert (fork.new, fork.session.row.name) == (True, "b")
            assert not (await o.sessions.fork("a", {"id": "b", "at": 1})).new
            assert (await refused(o.sessions.fork("a", {"at": 2}))).code == "seq_conflict"
            name = "b"
            for depth in range(20):
                name = (await o.sessions.fork(name, {"id": f"b{depth}"})).session.row.name
            assert json.loads(await o.sessions.step(name, {"seq": 2, "x": [0, 1]}))["y"] == [3.0]
            snapshot = o.sessions.snapshot("a")
            assert {**o.sessions.read("a"), "idle_s": 0} == before
            await o.sessions.step("a", {"seq": 2, "x": [8, 0]})
            assert (await refused(o.sessions.restore("a", snapshot, False))).code == "session_exists"
            assert not (await o.sessions.restore("a", snapshot, True)).new
            assert o.sessions.read("a")["state_sha256"] == before["state_sha256"]
            await o.sessions.delete("a")
            assert (await o.sessions.restore("a", snapshot, False)).new
            assert not (await o.sessions.restore("a", snapshot, False)).new
            assert json.loads(await o.sessions.step("a", {"seq": 2, "x": [0, 1]}))["y"] == [3.0]
            assert (await refused(o.sessions.step("a", {"seq": 1, "x": [4, 0]}))).code == "seq_too_old"

    in_loop(run())


def test_snapshots_that_are_none(tmp_path):
    async def run():
        async with opened(tmp_path) as o:
            await o.begin(id="a")
            good = o.sessions.snapshot("a")
            for name, value, code in (
                ("seq", 7, "snapshot_damaged"),
                ("state", "AAAA", "snapshot_damaged"),
                ("format_version", 2, "field_wrong"),
                ("seq", "7", "field_wrong"),
                ("extra", 1, "field_unknown"),
            ):
                assert (await refused(o.sessions.restore("b", {**good, name: value}, False))).code == code
            assert (await refused(o.sessions.restore("b", {"format": "x"}, False))).code == "field_missing"
            assert (await refused(o.sessions.restore("../b", good, False))).code == "field_wrong"
        async with opened(tmp_path, models=[Memory(version="2")]) as o:
            assert (await refused(o.sessions.restore("b", good, False))).code == "model_mismatch"
            for call in (o.sessions.step("a", {"seq": 1, "x": [1, 2]}), o.sessions.fork("a", {})):
                assert (await refused(call)).code == "model_changed"
            assert o.sessions.read("a")["model_sha256"] == Memory().sha256

    in_loop(run())


def test_a_full_disk_leaves_the_session_where_it_was(tmp_path):
    async def run():
        async with opened(tmp_path) as o:
            await o.begin(id="a")
            await o.sessions.step("a", {"seq": 1, "x": [1, 2]})
            pages = o.store._writer.execute("PRAGMA page_count").fetchone()[0]
            o.store._writer.execute(f"PRAGMA max_page_count = {pages}")
            full = None
            for seq in range(2, 5000, 50):
                try:
                    await o.sessions.step("a", {"seq": seq, "xs": [[seq, 0]] * 50})
                except Problem as found:
                    full = found
                    break
            assert full is not None
            assert (full.code, full.status) == ("disk_full", 507)
            before = o.sessions.read("a")
            assert before["seq"] == seq - 1
            o.store._writer.execute("PRAGMA max_page_count = 1000000")
            assert json.loads(await o.sessions.step("a", {"seq": seq, "x": [0, 0]}))["replayed"] is False

    in_loop(run())


def test_a_call_that_is_cancelled_while_it_is_committed_was_taken_once(tmp_path):
    async def run():
        async with opened(tmp_path) as o:
            names = [await o.begin(id=f"s{k}") for k in range(3)]
            tasks = [asyncio.create_task(o.sessions.step(name, {"seq": 1, "x": [1, 2]})) for name in names]
            await asyncio.sleep(0)
            tasks[0].cancel()
            answers = await asyncio.gather(*tasks, return_exceptions=True)
            assert [json.loads(answer)["seq"] for answer in answers[1:]] == [1, 1]
            assert o.sessions.read("s0")["seq"] == 1
            assert (await refused(o.sessions.step("s0", {"seq": 1, "x": [5, 5]}))).code == "seq_reused"
            assert json.loads(await o.sessions.step("s0", {"seq": 1, "x": [1, 2]}))["replayed"]
            assert json.loads(await o.sessions.step("s0", {"seq": 2, "x": [0, 0]}))["y"] == [1.5]

    in_loop(run())


def test_a_slow_model_is_called_in_a_thread_and_given_up(tmp_path):
    async def run():
        import threading

        hold = threading.Event()
        slow = Memory(quick=False, before_step=lambda: hold.wait(5))
        async with opened(tmp_path, models=[slow], limits=Limits(answer_seconds=0.1)) as o:
            await o.begin(id="a")
            problem = await refused(o.sessions.step("a", {"seq": 1, "x": [1, 2]}))
            assert (problem.code, problem.status) == ("too_slow", 504)
            hold.set()
            assert json.loads(await o.sessions.step("a", {"seq": 1, "x": [1, 2]})) == {
                "seq": 1,
                "y": [3.0],
                "replayed": False,
            }
            assert threading.get_ident() not in slow.threads

    in_loop(run())


def test_a_warmup_has_a_limit_and_a_wrong_row_of_it_is_named(tmp_path):
    async def run():
        async with opened(tmp_path, models=[Memory(features=1)]) as o:
            most = o.limits.warmup
            begun = await o.sessions.create(o.model, {"id": "a", "warmup": [0.5] * most})
            assert begun.session.state == o.model.step(o.model.begin(), np.full((most, 1), 0.5))[0]
            assert not (await o.sessions.create(o.model, {"id": "a", "warmup": [[0.5]] * most})).new
            for warmup, field in (
                ([0] * (most + 1), "warmup"),
                ([0] * 9 + [True], "warmup[9]"),
                ([[0], 0, [0, 0]], "warmup[2]"),
                ([[0]] * 9 + [[None]], "warmup[9][0]"),
                ([0] * 9 + [1e39], "warmup[9]"),
                ([0] * 9 + [10**300], "warmup[9]"),
                ([0] * 9 + [10**400], "warmup[9]"),
            ):
                assert (await refused(o.begin(id="b", warmup=warmup))).field == field

    in_loop(run())


def test_calls_of_many_rows_go_on_in_turns_and_have_a_limit(tmp_path):
    parts = []

    async def run():
        model = Memory(features=1, before_step=lambda: parts.append(1))
        async with opened(tmp_path, models=[model], limits=Limits(answer_seconds=0.5)) as o:
            calls = [asyncio.create_task(o.begin(id=f"s{number}", warmup=[1.0] * 640)) for number in range(5)]
            while not parts:
                await asyncio.sleep(0)
            # What else waits for the loop gets a turn after each part.
            turns = 0
            while len(parts) < 50:
                await asyncio.sleep(0)
                turns += 1
            assert turns >= 49
            assert await asyncio.gather(*calls) == [f"s{number}" for number in range(5)]
            model.before_step = lambda: time.sleep(0.06)
            problem = await refused(o.sessions.step("s0", {"seq": 1, "xs": [1.0] * 1000}))
            assert problem.code == "too_slow"
            model.before_step = None
            assert json.loads(await o.sessions.step("s0", {"seq": 1, "x": 0})) == {
                "seq": 1,
                "y": [1.0],
                "replayed": False,
            }

    in_loop(run())


def test_64_interleaved_sessions_are_each_as_if_alone(tmp_path):
    async def run():
        model = Memory()
        rows = np.random.default_rng(0).normal(size=(64, 12, 2))
        async with opened(tmp_path, limits=Limits(hot_sessions=8)) as o:
            names = [await o.begin(id=f"s{k}") for k in range(64)]

            async def feed(name, own):
                said = []
                for seq, row in enumerate(own.tolist(), start=1):
                    said += json.loads(await o.sessions.step(name, {"seq": seq, "x": row}))["y"]
                return said

            said = await asyncio.gather(*map(feed, names, rows))
            assert len(o.sessions.live) <= 72
        alone = [model.step(model.begin(), own)[1][:, 0].tolist() for own in rows]
        assert said == alone

    in_loop(run())


def test_a_folder_has_one_server(tmp_path):
    async def run():
        import os

        async with opened(tmp_path):
            with pytest.raises(EnvironmentFault, match=rf"in use by process {os.getpid()}: stop it, or give --data"):
                async with opened(tmp_path):
                    pass

    in_loop(run())


def test_a_commit_is_brought_to_the_disk_as_far_as_was_promised(tmp_path):
    from gatewise.serving.sessions.store import Store

    for durability, synchronous in (("full", 2), ("normal", 1)):
        store = Store(tmp_path / durability, durability)
        assert store._writer.execute("PRAGMA synchronous").fetchone() == (synchronous,)
        assert store._writer.execute("PRAGMA fullfsync").fetchone() == (synchronous - 1,)
        assert store._writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert (tmp_path / durability).stat().st_mode & 0o077 == 0
        store.close()


def test_a_damaged_store_is_refused(tmp_path):
    async def run():
        async with opened(tmp_path) as o:
            for _ in range(20):
                await o.begin(warmup=[[1, 2]])
        path = tmp_path / "sessions.sqlite"
        data = bytearray(path.read_bytes())
        data[4096:8192] = b"\xff" * 4096
        path.write_bytes(data)
        with pytest.raises(EnvironmentFault, match="are damaged"):
            async with opened(tmp_path):
                pass
        (tmp_path / "sessions.sqlite").write_bytes(b"no database" * 1000)
        with pytest.raises(EnvironmentFault, match="are damaged"):
            async with opened(tmp_path):
                pass

    in_loop(run())
