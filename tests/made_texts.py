"""Made texts: a word or two of each says which class it is, the others say nothing."""

import numpy as np

SAYS = {"bad": ("awful", "dull"), "good": ("superb", "lovely"), "odd": ("weird", "bizarre")}


def made(number: int, classes: tuple[str, ...] = ("bad", "good"), seed: int = 0, longest: int = 30):
    """Return texts and labels; a tenth of the texts say nothing."""
    random = np.random.default_rng(seed)
    texts, labels = [], []
    for _ in range(number):
        label = classes[int(random.integers(len(classes)))]
        words = [f"w{place}" for place in random.integers(0, 40, int(random.integers(4, longest)))]
        if random.random() < 0.9:
            words[int(random.integers(len(words)))] = SAYS[label][int(random.integers(2))]
        texts.append(" ".join(words))
        labels.append(label)
    return texts, labels
