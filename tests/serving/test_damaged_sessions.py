"""What changed on the disk is noticed before it is stepped: a session is refused, and can be put back or deleted."""

import json
import sqlite3

import pytest

from gatewise.errors import EnvironmentFault
from serving.made_sessions import in_loop, opened, refused


def changed(folder, statement, *values):
    """Change a store behind its back."""
    connection = sqlite3.connect(folder / "sessions.sqlite")
    connection.execute(statement, values)
    connection.commit()
    connection.close()


async def two_steps(o):
    """Begin the session "a", take two steps, and return a snapshot."""
    await o.begin(id="a", time_step_s=60)
    for seq in (1, 2):
        await o.sessions.step("a", {"seq": seq, "x": [seq, 2], "t": 60 * seq})
    return o.sessions.snapshot("a")


def test_one_bit_of_a_state_in_the_file(tmp_path):
    async def run():
        async with opened(tmp_path) as o:
            await two_steps(o)
            state = o.sessions.live.find("a").state
        path = tmp_path / "sessions.sqlite"
        data = path.read_bytes()
        assert data.count(state) == 1
        at = data.index(state)
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        async with opened(tmp_path) as o:
            problem = await refused(o.sessions.step("a", {"seq": 3, "x": [1, 2]}))
            assert (problem.code, problem.status) == ("session_damaged", 500)
            assert str(problem) == "The session 'a' is not what was written to the disk, and is not stepped."

    in_loop(run())


@pytest.mark.parametrize(
    "change",
    [
        "state = zeroblob(8)",
        "state = 'text'",
        "seq = 1",
        "seq = 'two'",
        "calls = calls + 1",
        "used = used + 1",
        "ttl = 1",
        "last_time = NULL",
        "last_time = 61.0",
        "model = 'lengths'",
        "sha256 = replace(sha256, substr(sha256, 1, 1), 'x')",
        "made = x'00'",
        "options = replace(options, 'flag', 'refuse')",
        "options = '{'",
        "options = x'ff'",
        "number = number + 1",
        "proof = proof + 1",
    ],
)
def test_whatever_changed_the_session_is_refused_until_it_is_put_back(tmp_path, change):
    async def run():
        async with opened(tmp_path) as o:
            kept = await two_steps(o)
        changed(tmp_path, f"UPDATE sessions SET {change}")
        async with opened(tmp_path) as o:
            o.hands.seconds += 1e6
            await o.sessions.sweep()
            for call in (
                o.sessions.step("a", {"seq": 3, "x": [1, 2]}),
                o.sessions.step("a", {"seq": 2, "x": [2, 2], "t": 120}),
                o.sessions.forecast("a", {"horizon": 1}),
                o.sessions.fork("a", {"id": "b"}),
                o.sessions.create(o.model, {"id": "a", "time_step_s": 60}),
            ):
                assert (await refused(call)).code == "session_damaged"
            assert (await refused(o.sessions.restore("a", kept, False))).code == "session_exists"
            await o.sessions.restore("a", kept, True)
            assert json.loads(await o.sessions.step("a", {"seq": 3, "x": [0, 0]}))["y"] == [2.75]

    in_loop(run())


def test_a_damaged_session_can_be_deleted(tmp_path):
    async def run():
        async with opened(tmp_path) as o:
            await two_steps(o)
        changed(tmp_path, "UPDATE sessions SET state = zeroblob(8)")
        async with opened(tmp_path) as o:
            await o.sessions.delete("a")
            assert (await refused(o.sessions.step("a", {"seq": 3, "x": [1, 2]}))).code == "session_deleted"

    in_loop(run())


def test_a_damaged_answer_is_not_given_again_and_the_session_goes_on(tmp_path):
    async def run():
        async with opened(tmp_path) as o:
            await two_steps(o)
        changed(tmp_path, "UPDATE answers SET said = CAST(replace(said, '5.5', '5.4') AS BLOB) WHERE first = 2")
        async with opened(tmp_path) as o:
            assert json.loads(await o.sessions.step("a", {"seq": 1, "x": [1, 2], "t": 60}))["y"] == [3.0]
            problem = await refused(o.sessions.step("a", {"seq": 2, "x": [2, 2], "t": 120}))
            assert (problem.code, str(problem)) == (
                "session_damaged",
                "The answer to step 2 is not what was written to the disk.",
            )
            assert json.loads(await o.sessions.step("a", {"seq": 3, "x": [0, 0]}))["seq"] == 3

    in_loop(run())


def test_a_store_of_another_format_is_refused(tmp_path):
    async def run():
        async with opened(tmp_path) as o:
            await o.begin()
        changed(tmp_path, "UPDATE facts SET value = 1 WHERE name = 'format'")
        with pytest.raises(EnvironmentFault, match="have format 1, and this gatewise reads format 2: use the gatewise"):
            async with opened(tmp_path):
                pass

    in_loop(run())


def test_a_page_that_cannot_be_read(tmp_path):
    async def run():
        async with opened(tmp_path) as o:
            await two_steps(o)
        changed(tmp_path, "UPDATE sessions SET model = CAST(x'ff' AS TEXT)")
        async with opened(tmp_path) as o:
            problem = await refused(o.sessions.step("a", {"seq": 3, "x": [1, 2]}))
            assert (problem.code, str(problem)[:39]) == ("session_damaged", "What is stored there cannot be read: Co")

    in_loop(run())
