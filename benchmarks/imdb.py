"""The recipes on movie reviews, several members each, beside linear models: accuracy on the test reviews, and seconds.

Needs the official reviews: GATEWISE_IMDB names their archive. Each member runs in a process of its own, and is kept in
results/imdb.json when it is done: started again, the script goes on with those that are missing. Accuracies are the same on
a machine that is busy; seconds are those of a machine that does nothing else only if it does nothing else.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import publish

RESULTS = publish.RESULTS / "imdb.json"
FORMAT = 2
SPLITS = ("official", "published")
SEED = 0


def one(job):
    """Train and test one member in this process; print it as JSON."""
    import gatewise as gw
    from gatewise.recipes import recipe
    from gatewise.recipes.reviews.encoding import Numbers
    from gatewise.recipes.reviews.run import run_member

    known = recipe(job["recipe"])
    numbers = Numbers(gw.datasets.imdb(split=job["split"]), rank_all=job["split"] == "published")
    member = run_member(
        known.build(job["dialect"]), known, numbers.of(known), gw.member_seed(SEED, job["member"]), lambda share: None
    )
    print(json.dumps(member._asdict()))


def linear(job):
    """Train and test the linear models in this process; print them as JSON."""
    import gatewise as gw
    from gatewise.recipes.reviews.linear import linear_scores

    corpus = gw.datasets.imdb(split=job["split"])
    print(json.dumps([score._asdict() for score in linear_scores(corpus.train, corpus.test)]))


def child(job):
    command = [sys.executable, str(Path(__file__).resolve()), "--job", json.dumps(job)]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{job} ended with status {done.returncode}: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout.splitlines()[-1])


def keep(content):
    from gatewise.recipes.speed.results import describe_machine, installed_versions, today

    content |= {"date": today(), "machine": describe_machine(), "versions": installed_versions()}
    RESULTS.parent.mkdir(exist_ok=True)
    unfinished = RESULTS.with_suffix(".new")
    unfinished.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    unfinished.replace(RESULTS)


def kept():
    if RESULTS.exists():
        content = json.loads(RESULTS.read_text(encoding="utf-8"))
        if content.get("format") == FORMAT:
            return content
    return {"format": FORMAT, "seed": SEED, "rows": [], "linear": {}}


def row_of(content, name, split, dialect):
    """Return the row of a recipe on a split in a dialect, made where there is none."""
    for row in content["rows"]:
        if (row["recipe"], row["split"], row["dialect"]) == (name, split, dialect):
            return row
    content["rows"].append({"recipe": name, "split": split, "dialect": dialect, "members": {}})
    return content["rows"][-1]


def main():
    from gatewise.recipes import recipes

    known = [recipe.name for recipe in recipes("imdb")]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", nargs="+", choices=known, default=known, metavar="NAME")
    parser.add_argument("--split", nargs="+", choices=SPLITS, default=list(SPLITS))
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument(
        "--dialect", choices=("keras3", "keras2"), default="keras3", help="keras2 takes four times as long"
    )
    parser.add_argument("--most", type=int, help="end after so many members; they are kept")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        job = json.loads(arguments.job)
        return linear(job) if "recipe" not in job else one(job)
    done = 0
    for split in arguments.split:
        if split not in kept()["linear"]:
            scores = child({"split": split})
            content = kept()
            content["linear"][split] = scores
            keep(content)
        for member in range(arguments.members):
            for name in arguments.recipe:
                if str(member) in row_of(kept(), name, split, arguments.dialect)["members"] or done == arguments.most:
                    continue
                job = {"recipe": name, "split": split, "member": member, "dialect": arguments.dialect}
                result = child(job)
                content = kept()
                row_of(content, name, split, arguments.dialect)["members"][str(member)] = result
                keep(content)
                done += 1
                print(f"{split}, {name}, member {member}: {result['accuracy']:.2%}", file=sys.stderr, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
