"""How probable a text is under a CTC model, exactly: the forward sum over all alignments.

A CTC model gives each frame a distribution over its tokens and a blank. A *path* takes one of them
a frame; the text of a path is what is left when repeats are merged and blanks dropped (Graves 2006,
"Connectionist Temporal Classification"). Over all texts of any length the probabilities sum to one,
so the logarithm of a text's probability is already relative to "anything at all was said": free
text as a garbage model scores 0.

Many texts are scored at once over a prefix tree, so that what they share at the beginning is paid
for once, and all nodes of the tree advance together, one frame at a time.

Conventions
-----------
Log-probabilities are natural logarithms, float64, shape (n_frames, n_tokens), each frame
normalised (`normalized`). Frames count from 0. Models put spaces into silence, so texts are the
same that differ by spaces before, after or beside others: all of them count for the one text.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from recognizer.base.errors import EngineError

__all__ = ["Alphabet", "LogProbs", "PrefixTree", "TextScore", "normalized"]

LogProbs: TypeAlias = npt.NDArray[np.float64]
TokenIds: TypeAlias = tuple[int, ...]

_IMPOSSIBLE = -1e30  # log 0: minus infinity less itself would be no number


@dataclass(frozen=True, slots=True)
class Alphabet:
    """Letters of a model, in the order of its output.

    Attributes
    ----------
    tokens : tuple of str
        One character each; that of the blank is of no account.
    blank : int
    space : int
        What stands between words.
    """

    tokens: tuple[str, ...]
    blank: int
    space: int

    def __post_init__(self) -> None:
        for name, place in (("blank", self.blank), ("space", self.space)):
            if not 0 <= place < len(self.tokens):
                raise EngineError(
                    f"expected the {name} within the {len(self.tokens)} tokens, found {place}"
                )
        if self.blank == self.space:
            raise EngineError(f"expected a blank apart from the space, both are {self.blank}")

    def encode(self, text: str) -> tuple[TokenIds, tuple[str, ...]]:
        """Return the tokens that spell a text, and the words that cannot be spelt.

        Capitals and punctuation are nothing to the model; «ё» is spelt «е».
        """
        letters = {token: n for n, token in enumerate(self.tokens)}
        ids: list[int] = []
        missing = []
        for word in _words(text):
            if any(letter not in letters for letter in word):
                missing.append(word)
                continue
            if ids:
                ids.append(self.space)
            ids += [letters[letter] for letter in word]
        return tuple(ids), tuple(missing)

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text that tokens spell, single spaces between its words."""
        spelt = (" " if n == self.space else self.tokens[n] for n in ids)
        return " ".join("".join(spelt).split())

    def folded(self, logprobs: LogProbs) -> LogProbs:
        """Return the log-probabilities with those of «ё» added to those of «е».

        Nobody spells «ё» the same way twice, and the two never tell outcomes apart.
        """
        if "ё" not in self.tokens or "е" not in self.tokens:
            return logprobs
        plain, dotted = self.tokens.index("е"), self.tokens.index("ё")
        merged = logprobs.copy()
        merged[:, plain] = np.logaddexp(logprobs[:, plain], logprobs[:, dotted])
        merged[:, dotted] = _IMPOSSIBLE
        return merged


def _log_add(
    one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return log(exp(one) + exp(other)): as `numpy.logaddexp`, which takes five times as long."""
    more = np.maximum(one, other)
    total: npt.NDArray[np.float64] = np.minimum(one, other)
    total -= more
    np.exp(total, out=total)
    np.log1p(total, out=total)
    total += more
    return total


def _words(text: str) -> list[str]:
    spelt = unicodedata.normalize("NFC", text).lower().replace("ё", "е")
    return "".join(c if c.isalnum() else " " for c in spelt).split()


def normalized(logits: npt.NDArray[np.floating], source: str) -> LogProbs:
    """Return log-probabilities from what a model put out, each frame summing to one.

    Raises
    ------
    EngineError
        If a figure is no number or a frame holds nothing possible.
    """
    values = np.asarray(logits, np.float64)
    if values.ndim != 2 or np.isnan(values).any() or (values == np.inf).any():
        raise EngineError(f"{source}: the model put out figures that are no log-probabilities")
    values = np.maximum(values, _IMPOSSIBLE)
    top = values.max(axis=1, keepdims=True, initial=_IMPOSSIBLE)
    if (top <= _IMPOSSIBLE).any():
        raise EngineError(f"{source}: the model put out a frame in which nothing is possible")
    shifted: LogProbs = values - top
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted


class TextScore(NamedTuple):
    """How probable one text is.

    Attributes
    ----------
    total : float
        Log-probability that this is the whole text.
    tokens : tuple of float
        Log-probability of each token given the sound and the tokens before it. Their sum is the
        log-probability that the text *begins* so; the rest of `total` is that it ends there.
    """

    total: float
    tokens: tuple[float, ...]


class _Node(NamedTuple):
    parent: int
    token: int
    depth: int


class PrefixTree:
    """Texts that share their beginnings, as tokens; the root (node 0) is the empty text.

    Parameters
    ----------
    texts : sequence of sequence of int
        May repeat, and may be empty.
    alphabet : Alphabet
    """

    def __init__(self, texts: Sequence[Sequence[int]], alphabet: Alphabet) -> None:
        self._alphabet = alphabet
        places: dict[tuple[int, int], int] = {}
        nodes = [_Node(0, alphabet.blank, 0)]
        self._paths: list[list[int]] = []
        for text in texts:
            here, path = 0, []
            for token in text:
                step = (here, token)
                if step not in places:
                    places[step] = len(nodes)
                    nodes.append(_Node(here, token, nodes[here].depth + 1))
                here = places[step]
                path.append(here)
            self._paths.append(path)
        self._in_order_of_depth(nodes)

    def _in_order_of_depth(self, nodes: Sequence[_Node]) -> None:
        """Lay the nodes out so that those that frame t can reach are the first ones."""
        order = sorted(range(len(nodes)), key=lambda n: nodes[n].depth)
        place = np.empty(len(nodes), np.intp)
        place[order] = np.arange(len(nodes))
        self._parents = np.array([place[nodes[n].parent] for n in order], np.intp)
        self._tokens = np.array([nodes[n].token for n in order], np.intp)
        depths = [nodes[n].depth for n in order]
        self._reached = np.searchsorted(depths, np.arange(depths[-1] + 1), side="right")
        self._is_repeat = self._tokens == self._tokens[self._parents]
        self._is_repeat[0] = False
        self._is_space = self._tokens == self._alphabet.space
        self._paths = [[int(place[n]) for n in path] for path in self._paths]

    def __len__(self) -> int:
        return len(self._tokens)

    def score(self, logprobs: LogProbs) -> list[TextScore]:
        """Return how probable each text is as the whole of what was said."""
        quiet = _quiet(logprobs, self._alphabet)
        sums = self._forward(logprobs, np.concatenate([[0.0], np.cumsum(quiet)]), quiet)
        scores = []
        for path in self._paths:
            begins = np.concatenate([[0.0], sums.begins[path]])
            total = float(sums.ends[path[-1] if path else 0])
            scores.append(
                TextScore(min(total, 0.0), tuple(np.minimum(np.diff(begins), 0.0).tolist()))
            )
        return scores

    def find(self, logprobs: LogProbs) -> list[float]:
        """Return the logarithm of how often each text is expected among the words that were said.

        Anything may stand before and after it, in whole words: wildcard states that take any
        token on (compare arXiv 2506.01263). A text that is said at most once is there with this
        probability.
        """
        anything = np.zeros(len(logprobs))
        sums = self._forward(logprobs, _at_word_starts(logprobs, self._alphabet), anything)
        return [float(sums.ends[path[-1]]) if path else 0.0 for path in self._paths]

    def _forward(
        self,
        logprobs: LogProbs,
        root: npt.NDArray[np.float64],
        after: npt.NDArray[np.float64],
    ) -> _Sums:
        """Advance every node over all frames.

        Parameters
        ----------
        logprobs : LogProbs
        root : float64, shape (n_frames + 1,)
            Log-probability of standing where a text may begin, before each frame.
        after : float64, shape (n_frames,)
            Log-probability of what may be in each frame once a space has followed a text.
        """
        blank_token, space = self._alphabet.blank, self._alphabet.space
        letter_ended, blank_ended, begins, gone_by = np.full((4, len(self)), _IMPOSSIBLE)
        quiet = _quiet(logprobs, self._alphabet)
        for frame, emitted in enumerate(logprobs):
            n = self._reached[min(frame + 1, len(self._reached) - 1)]
            parents, is_space = self._parents[:n], self._is_space[:n]
            blank_ended[0] = root[frame]
            either = _log_add(letter_ended[:n], blank_ended[:n])
            # A letter twice running needs a blank between.
            before = np.where(self._is_repeat[:n], blank_ended[parents], either[parents])
            letter = emitted[self._tokens[:n]]
            entered = before + letter
            entered[0] = _IMPOSSIBLE
            begins[:n] = _log_add(begins[:n], entered)
            gone_by[:n] = _log_add(gone_by[:n] + after[frame], either + emitted[space])
            stays = np.where(is_space, _IMPOSSIBLE, letter_ended[:n] + letter)
            letter_ended[:n] = _log_add(stays, entered)
            blank_ended[:n] = either + np.where(is_space, quiet[frame], emitted[blank_token])
        ends = _log_add(_log_add(letter_ended, blank_ended), gone_by)
        ends[0] = root[-1]
        return _Sums(ends, begins)


class _Sums(NamedTuple):
    """Log-probabilities of each node of a tree, after all frames.

    Attributes
    ----------
    ends : that its text was said, and after it only what may follow.
    begins : that its text was begun at the place asked, whatever follows.
    """

    ends: npt.NDArray[np.float64]
    begins: npt.NDArray[np.float64]


def _quiet(logprobs: LogProbs, alphabet: Alphabet) -> npt.NDArray[np.float64]:
    """Return the log-probability of each frame to hold no letter."""
    return _log_add(logprobs[:, alphabet.blank], logprobs[:, alphabet.space])


def _at_word_starts(logprobs: LogProbs, alphabet: Alphabet) -> npt.NDArray[np.float64]:
    """Return the log-probability that a word may begin before each frame, and after the last.

    That is so where the last token but blanks is a space, or there is none.
    """
    letters = [n for n in range(len(alphabet.tokens)) if n not in {alphabet.blank, alphabet.space}]
    letter = np.logaddexp.reduce(logprobs[:, letters], axis=1)
    goes_on = np.logaddexp(letter, logprobs[:, alphabet.blank])
    quiet, space = _quiet(logprobs, alphabet), logprobs[:, alphabet.space]
    starts = np.zeros(len(logprobs) + 1)
    inside = _IMPOSSIBLE
    for frame in range(len(logprobs)):
        starts[frame + 1] = np.logaddexp(starts[frame] + quiet[frame], inside + space[frame])
        inside = np.logaddexp(starts[frame] + letter[frame], inside + goes_on[frame])
    return starts
