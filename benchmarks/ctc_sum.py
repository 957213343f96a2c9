"""How long the CTC sum over listed wordings takes: ``python -m benchmarks.ctc_sum``.

Made-up log-probabilities of 35 tokens (the sum takes as long whatever they say) over 140 frames,
4.2 s of T-one's. For 10, 200 and all Russian wordings of the lists: milliseconds of CPU to build
the tree, to score the wordings as all that was said, and to find them anywhere in it; the least of
five rounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from recognizer.base.settings import PhraseSettings
from recognizer.engines.ctc import Alphabet, PrefixTree, normalized
from recognizer.phrases.loading import load_phrases

_ALPHABET = Alphabet((*"абвгдеёжзийклмнопрстуфхцчшщъыьэюя", " ", ""), blank=34, space=33)
_N_FRAMES = 140
_ROUNDS = 5


def _least_ms(work: Callable[[], object]) -> float:
    took = []
    for _ in range(_ROUNDS):
        started = time.process_time()
        work()
        took.append(time.process_time() - started)
    return 1000 * min(took)


def main() -> None:
    """Run the benchmark."""
    noise = np.random.default_rng(0).normal(size=(_N_FRAMES, len(_ALPHABET.tokens))) * 3
    logprobs = normalized(noise, "noise")
    phrases = load_phrases(PhraseSettings()).phrases
    texts = [phrase.text for phrase in phrases if phrase.language == "ru"]
    print("wordings  letters  nodes  tree ms  score ms  find ms")
    for n in (10, 200, len(texts)):
        spelt = [_ALPHABET.encode(text)[0] for text in texts[:n]]
        tree = PrefixTree(spelt, _ALPHABET)
        figures = (
            _least_ms(lambda spelt=spelt: PrefixTree(spelt, _ALPHABET)),  # type: ignore[misc]
            _least_ms(lambda tree=tree: tree.score(logprobs)),  # type: ignore[misc]
            _least_ms(lambda tree=tree: tree.find(logprobs)),  # type: ignore[misc]
        )
        n_letters = sum(map(len, spelt))
        print(f"{n:8}  {n_letters:7}  {len(tree):5}  " + "  ".join(f"{ms:7.1f}" for ms in figures))


if __name__ == "__main__":
    main()
