"""The loop of a fuzzing campaign: inputs made from numbers, each tried, timed, and made smaller where it fails.

An input is made by a function of a ``random.Random``; the number that it is seeded with is all that is needed to make it
again (``--only NUMBER``). Trying it must end well or with a `GatewiseError` of one readable line, in five seconds of the
processor's time.
"""

import argparse
import random
import resource
import time
import traceback
import warnings

from recorded import record

from gatewise.errors import GatewiseError, GatewiseWarning

SLOWEST = 5.0


class Campaign:
    """Inputs of one kind, and what was found.

    Args:
        name: Of the result.
        make: A random number generator to an input.
        attempt: Tries an input; returns a word on what became of it.
        smaller: An input to smaller ones, for shrinking; None for inputs that are not shrunk.
    """

    def __init__(self, name, make, attempt, smaller=None):
        self.name, self.make, self.attempt, self.smaller = name, make, attempt, smaller

    def made(self, number):
        """Return the input of a number."""
        return self.make(random.Random(f"{self.name} {number}"))

    def tried(self, given):
        """Try an input; return what became of it, and a fault or None."""
        started = time.process_time()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", GatewiseWarning)
                became = self.attempt(given)
        except GatewiseError as error:
            became, fault = type(error).__name__, wrong_sentence(str(error))
        except Exception as error:
            became, fault = "traceback", f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
        else:
            fault = None
        seconds = time.process_time() - started
        if fault is None and seconds > SLOWEST:
            fault = f"took {seconds:.1f} s"
        return became, fault, seconds

    def run(self, first, inputs, most=20):
        """Try many inputs; return what was found, and the faults with the smallest input that shows each."""
        became, faults, slowest, before = {}, [], 0.0, _megabytes()
        for number in range(first, first + inputs):
            given = self.made(number)
            word, fault, seconds = self.tried(given)
            became[word] = became.get(word, 0) + 1
            slowest = max(slowest, seconds)
            if fault is not None:
                faults.append((number, fault, self.shrunk(given, fault)))
                if len(faults) == most:
                    break
        found = {
            "inputs": number + 1 - first,
            "first": first,
            "became": dict(sorted(became.items())),
            "faults": len(faults),
            "slowest_seconds": round(slowest, 2),
            "megabytes": [before, _megabytes()],
        }
        return found, faults

    def shrunk(self, given, fault, seconds=20.0):
        """Return a smaller input with the same fault."""
        end, kind = time.monotonic() + seconds, fault.split(":")[0].split(" ")[0]
        if self.smaller is None:
            return given
        while time.monotonic() < end:
            for less in self.smaller(given):
                other = self.tried(less)[1]
                if other is not None and other.split(":")[0].split(" ")[0] == kind:
                    given = less
                    break
                if time.monotonic() > end:
                    break
            else:
                break
        return given

    def main(self):
        """Run what the command line asks for, and record it."""
        parser = argparse.ArgumentParser()
        parser.add_argument("--inputs", type=int, default=1000)
        parser.add_argument("--first", type=int, default=0, help="the number of the first input")
        parser.add_argument("--only", type=int, help="try this input alone, and show it")
        parser.add_argument("--short", action="store_true", help="record nothing")
        given = parser.parse_args()
        if given.only is not None:
            print(self.made(given.only))
            print(*self.tried(self.made(given.only)), sep="\n")
            return
        found, faults = self.run(given.first, given.inputs)
        for number, fault, smallest in faults:
            print(f"--only {number}: {fault}\nsmallest: {repr(smallest)[:1000]}\n")
        record(self.name, found, not given.short)
        raise SystemExit(bool(faults))


def wrong_sentence(text):
    """Say what is wrong with the sentence of an error, or None."""
    if not text.isprintable():
        return f"unprintable: {text!r}"
    if len(text) > 2000:
        return f"endless: {len(text)} characters, {text[:300]!r}"
    return None


def _megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def smaller_bytes(content):
    """Yield the content without its halves, quarters and so on, then line by line and byte by byte."""
    size = len(content) // 2
    while size >= 1:
        for start in range(0, len(content), size):
            yield content[:start] + content[start + size :]
        size //= 2
    for place, byte in enumerate(content):
        if byte not in b"a1\n,":
            yield content[:place] + b"a" + content[place + 1 :]


INTERESTING = (
    b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b'"', b'""', b"'", b",", b";", b"\t", b"|", b"\n", b"\r", b"\r\n",
    b"\n\n", b"#", b"nan", b"inf", b"-", b"+", b"1e400", b"-1e-400", b"9" * 25, b"0x1", b"1_0", b"True", b"null", b"2024-02-30",
    b"2024-W01", b"24:00", b"T00:00Z", b"+25:00", b"1.234.567,8", b"1,5", b"%", b"$", "١٢".encode(), "−5".encode(),
    "é".encode("latin-1"),
    "\u202e".encode(), b"\xed\xa0\x80", b"\x1b[31m", b"=1+1", b"<script>", b"{", b"[" * 50, b"\\", b"\\u0000", b"\\ud800",
    b"__label__",
)  # fmt: skip


def mutated(rng, content, most=8):
    """Return content with some bytes changed, inserted, removed, repeated, or exchanged for interesting ones."""
    content = bytearray(content)
    for _ in range(rng.randint(1, most)):
        place = rng.randrange(len(content) + 1)
        what = rng.randrange(7)
        if what == 0 and content:
            content[min(place, len(content) - 1)] = rng.randrange(256)
        elif what == 1:
            content[place:place] = rng.choice(INTERESTING)
        elif what == 2:
            del content[place : place + rng.choice((1, 2, 10, 100))]
        elif what == 3:
            content[place:place] = content[place : place + rng.choice((1, 10, 40))] * rng.choice((1, 2, 30))
        elif what == 4:
            content[place : place + rng.randint(1, 6)] = rng.choice(INTERESTING)
        elif what == 5:
            other = rng.randrange(len(content) + 1)
            content = content[min(place, other) :] + content[: min(place, other)]
        elif rng.random() < 0.2:
            del content[place:]
    return bytes(content)
