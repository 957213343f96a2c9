"""What a CTC model heard: its likeliest text, and where in the sound each letter lies.

Conventions as in `ctc`. No language model is used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recognizer.base.errors import EngineError
from recognizer.engines.ctc import Alphabet, LogProbs, PrefixTree, TokenIds

__all__ = ["align", "best_text", "decode_by_beam", "decode_greedily"]

_BEAM_WIDTH = 8
_TOKENS_A_FRAME = 5
_MIN_TOKEN_LOGPROB = -7.0  # a token less probable in a frame is not tried there


def best_text(logprobs: LogProbs, alphabet: Alphabet) -> TokenIds:
    """Return the more probable of what the greedy and the beam decoding find."""
    found = [decode_greedily(logprobs, alphabet), decode_by_beam(logprobs, alphabet)]
    scores = PrefixTree(found, alphabet).score(logprobs)
    return max(zip(scores, found, strict=True), key=lambda each: each[0].total)[1]


def decode_greedily(logprobs: LogProbs, alphabet: Alphabet) -> TokenIds:
    """Return the text of the one most probable path."""
    path = logprobs.argmax(axis=1).tolist()
    merged = [token for before, token in pairwise([alphabet.blank, *path]) if token != before]
    return _canonical([token for token in merged if token != alphabet.blank], alphabet)


def _canonical(tokens: Sequence[int], alphabet: Alphabet) -> TokenIds:
    """Return a text with one space between words and none around them."""
    text = [
        token
        for before, token in pairwise([alphabet.space, *tokens])
        if not before == token == alphabet.space
    ]
    while text and text[-1] == alphabet.space:
        text.pop()
    return tuple(text)


def decode_by_beam(logprobs: LogProbs, alphabet: Alphabet, *, width: int = _BEAM_WIDTH) -> TokenIds:
    """Return the text that the paths of a beam together make most probable.

    Source: prefix beam search, Hannun 2014 (arXiv 1408.2873), without a language model.
    """
    texts = _Texts(alphabet)
    # Each text with the log-probabilities of its paths that end in a blank, or in its letter.
    beam: dict[int, _Ends] = {0: _Ends(0.0, -math.inf)}
    for emitted in logprobs:
        grown: dict[int, _Ends] = {}
        for token, logprob in _tried(emitted):
            for text, ends in beam.items():
                texts.extend(grown, text, ends, token, logprob)
        ranked = sorted(grown.items(), key=lambda each: each[1].total, reverse=True)
        beam = dict(ranked[:width])
    ended: dict[TokenIds, float] = {}
    for text, ends in beam.items():
        whole = _canonical(texts.spelt(text), alphabet)
        ended[whole] = _log_add(ended.get(whole, -math.inf), ends.total)
    return max(ended, key=lambda text: ended[text])


def _tried(emitted: LogProbs) -> list[tuple[int, float]]:
    """Return the tokens of a frame that are worth a try, and their log-probabilities."""
    likely = np.argpartition(-emitted, min(_TOKENS_A_FRAME, len(emitted) - 1))[:_TOKENS_A_FRAME]
    least = min(_MIN_TOKEN_LOGPROB, float(emitted.max()))
    return [(int(token), float(emitted[token])) for token in likely if emitted[token] >= least]


class _Ends(NamedTuple):
    """Log-probabilities of a text's paths so far that end in a blank, or in its last letter."""

    blank: float
    letter: float

    @property
    def total(self) -> float:
        return _log_add(self.blank, self.letter)


_NOTHING = _Ends(-math.inf, -math.inf)


class _Texts:
    """The texts of a beam, each the one before it and a token more; 0 is the empty one."""

    def __init__(self, alphabet: Alphabet) -> None:
        self._blank, self._space = alphabet.blank, alphabet.space
        self._last = [alphabet.space]  # nothing stands before a text, as before a word
        self._before = [0]
        self._longer: dict[tuple[int, int], int] = {}

    def spelt(self, text: int) -> list[int]:
        tokens = []
        while text:
            tokens.append(self._last[text])
            text = self._before[text]
        return tokens[::-1]

    def extend(
        self, grown: dict[int, _Ends], text: int, ends: _Ends, token: int, logprob: float
    ) -> None:
        last = self._last[text]
        if token == self._blank or token == last == self._space:
            _add(grown, text, blank=ends.total + logprob)
        elif token == last:
            _add(grown, text, letter=ends.letter + logprob)
            _add(grown, self._with(text, token), letter=ends.blank + logprob)
        else:
            _add(grown, self._with(text, token), letter=ends.total + logprob)

    def _with(self, text: int, token: int) -> int:
        step = (text, token)
        if step not in self._longer:
            self._longer[step] = len(self._last)
            self._last.append(token)
            self._before.append(text)
        return self._longer[step]


def _add(
    grown: dict[int, _Ends], text: int, *, blank: float = -math.inf, letter: float = -math.inf
) -> None:
    old = grown.get(text, _NOTHING)
    grown[text] = _Ends(_log_add(old.blank, blank), _log_add(old.letter, letter))


def _log_add(one: float, other: float) -> float:
    more, less = (one, other) if one > other else (other, one)
    return more if less == -math.inf else more + math.log1p(math.exp(less - more))


def align(
    logprobs: LogProbs, tokens: Sequence[int], alphabet: Alphabet
) -> tuple[tuple[int, int], ...]:
    """Return the frames, half-open, that each token of a text takes on its most probable path.

    Raises
    ------
    EngineError
        If the sound has too few frames for the text.
    """
    n_needed = len(tokens) + sum(one == next_one for one, next_one in pairwise(tokens))
    if len(logprobs) < n_needed:
        raise EngineError(
            f"expected at least {n_needed} frames for a text of {len(tokens)} tokens, "
            f"got {len(logprobs)}"
        )
    # Blanks and tokens in turn; odd states are tokens.
    states = np.full(2 * len(tokens) + 1, alphabet.blank, np.intp)
    states[1::2] = tokens
    emissions = logprobs[:, states]
    quiet = np.maximum(logprobs[:, alphabet.blank], logprobs[:, alphabet.space])
    beside = [alphabet.space, *tokens, alphabet.space]
    for n, pair in enumerate(pairwise(beside)):
        if alphabet.space in pair:  # more spaces are none
            emissions[:, 2 * n] = quiet
    path = _best_path(emissions, states)
    taken = [np.flatnonzero(path == 2 * n + 1) for n in range(len(tokens))]
    return tuple((int(frames[0]), int(frames[-1]) + 1) for frames in taken)


def _best_path(emissions: LogProbs, states: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Return the state of each frame on the most probable path through all of them (Viterbi).

    Parameters
    ----------
    emissions : float64, shape (n_frames, n_states)
    states : int, shape (n_states,)
        Tokens, with blanks between and around.
    """
    n_frames, n_states = emissions.shape
    may_skip = np.zeros(n_states, bool)
    may_skip[3::2] = states[3::2] != states[1:-2:2]
    score = np.full(n_states, -np.inf)
    score[0] = 0.0  # before the first frame: in the first blank, which may be left at once
    came_from = np.zeros((n_frames, n_states), np.intp)
    for frame, emitted in enumerate(emissions):
        stepped = np.concatenate([[-np.inf], score[:-1]])
        skipped = np.where(
            may_skip, np.concatenate([[-np.inf, -np.inf], score])[:n_states], -np.inf
        )
        options = np.stack([score, stepped, skipped])
        steps = options.argmax(axis=0)
        came_from[frame] = np.arange(n_states) - steps
        score = options[steps, np.arange(n_states)] + emitted
    path = np.zeros(n_frames, np.intp)
    ends = slice(max(0, n_states - 2), n_states)
    state = max(0, n_states - 2) + int(score[ends].argmax())
    for frame in range(n_frames - 1, -1, -1):
        path[frame] = state
        state = int(came_from[frame, state])
    return path
