"""The cells of ensembles.py as a table, and what was wanted of it."""

from gatewise.recipes.speed.tables import as_markdown, number, times

# On two cores: nanoseconds of a member's step among 1,024, and how many times the general way's speed.
WANTED = {"steps-1024": (60, 8), "stacked-1024": (150, None)}


def _fastest(content):
    """Return the fastest run of each runner by work."""
    found = {}
    for cell in content["cells"]:
        if cell["nanoseconds"]:
            found.setdefault(cell["name"], {})[cell["runner"]] = min(cell["nanoseconds"])
    return found


def times_table(content):
    """Return header and rows: nanoseconds of a member's step, and the seconds that the first call takes beyond that."""
    fastest = _fastest(content)
    titles = {cell["name"]: cell["title"] for cell in content["cells"]}
    first = {(cell["name"], cell["runner"]): cell.get("first_seconds") for cell in content["cells"]}
    rows = []
    for name, best in fastest.items():
        both = "kernel" in best and "general" in best
        rows.append(
            [
                titles[name],
                number(best["kernel"]) if "kernel" in best else "–",
                number(best["general"]) if "general" in best else "–",
                times(best["general"] / best["kernel"]) if both else "–",
                *(f"{first[name, way]:.1f} s" if way in best else "–" for way in ("kernel", "general")),
            ]
        )
    return ["ns a member's step", "kernel", "general way", "faster", "kernel, first call", "general, first call"], rows


def sentences(content):
    """Return what else is to be said: one model in Keras, what was wanted, and what could not be measured."""
    fastest, found = _fastest(content), []
    titles = {"keras-jax": "Keras · JAX", "keras-tensorflow": "Keras · TensorFlow"}
    for name, best in fastest.items():
        for runner, title in titles.items():
            if runner in best:
                ratio = times(best[runner] / best["kernel"])
                network = next(cell["title"] for cell in content["cells"] if cell["name"] == name).rsplit(", ", 1)[0]
                lost = (
                    " It loses the state after each batch." if "stateful" in network and runner == "keras-jax" else ""
                )
                found.append(
                    f"{title}, one model ({network}): {number(best[runner])} ns a step, {ratio} as much.{lost}"
                )
    for name, (most, factor) in WANTED.items():
        best = fastest.get(name, {})
        if "kernel" not in best:
            continue
        reached = best["kernel"] <= most and (factor is None or best.get("general", 0) >= factor * best["kernel"])
        against = "" if factor is None else f", and {factor} times the general way's speed"
        found.append(f"Wanted of {name}: at most {most} ns{against}: {'reached' if reached else 'not reached'}.")
    found += [f"{cell['title']}, {cell['runner']}: {cell['message']}" for cell in content["cells"] if "message" in cell]
    return found


def parts(content):
    """Return the section of docs/benchmarks.md."""
    where = f"{content['machine']['processor']}, {content['machine']['cores']} cores"
    return [
        "## Ensembles of small networks",
        as_markdown(*times_table(content)),
        "\n".join(f"- {line}" for line in sentences(content)),
        f"By `benchmarks/ensembles.py` on {content['date']} ({where}): the fastest of several calls of `gw.fit_ensemble`, with "
        "all that surrounds the compiled part. The first call begins with an empty cache: it compiles, and tests the kernel.",
    ]
