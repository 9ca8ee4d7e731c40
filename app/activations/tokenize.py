"""Documents to rows of tokens."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.activations.batch import TokenRows
from app.activations.text import Text
from app.errors import TextError
from app.records import RowRules

ROW_LENGTH = RowRules().length
"""Tokens per row where nothing says otherwise, including the first one (beginning of sequence)."""

DOCUMENTS_PER_CALL = 256
"""Documents given to the tokenizer at once: enough to use its threads, few enough to stay small."""

CONTROL_TOKEN = re.compile(r"<\|[A-Za-z_]{2,40}\|>|<(?:start|end)_of_turn>|<[/]?s>|<[be]os>|\[/?INST\]")
"""What control tokens of language models look like."""

DEFAULT = RowRules()


def tokenize(text: Text, tokenizer: Any, rules: RowRules = DEFAULT, *, n_tokens: int | None = None) -> TokenRows:
    """Pack the documents into rows.

    The beginning-of-sequence token stands between two documents, and at the start of each row unless the rules say
    otherwise, as in SAELens' activation store. What is left over at the end fills no row and is dropped, unless it is
    all there is.

    Args:
        tokenizer: a transformers tokenizer.
        n_tokens: stop when exactly this many tokens are scored; all, if None.

    Raises:
        TextError: the text has fewer than two tokens.
    """
    special = special_ids(tokenizer)
    blocks: list[TokenRows] = []
    n_scored = 0
    for ids in _rows(text, tokenizer, rules):
        blocks.append(TokenRows(ids, scored(ids, special, rules)))
        n_scored += blocks[-1].n_kept
        if n_tokens is not None and n_scored >= n_tokens:
            break
    if not n_scored:
        raise TextError("has no token to score; expected at least one word", place=text.source)
    rows = TokenRows(np.concatenate([each.ids for each in blocks]), np.concatenate([each.keep for each in blocks]))
    return rows if n_tokens is None else rows.limited(n_tokens)


def _rows(text: Text, tokenizer: Any, rules: RowRules) -> Iterator[NDArray[np.int32]]:
    """`[n_rows, row_length]` tokens, some rows at a time."""
    if text.tokens is not None:
        # As they were made, but no longer than the model is to read.
        yield from (block[:, : rules.length] for block in text.tokens.blocks())
        return
    separator = _separator(tokenizer)
    for tokens in _blocks(_token_parts(text.documents, tokenizer, separator, rules), rules.length - rules.bos):
        yield np.insert(tokens, [0] * rules.bos, separator, axis=1)


def scored(ids: NDArray[np.int32], special: NDArray[np.int32], rules: RowRules) -> NDArray[np.bool_]:
    """`[n_rows, row_length]` which tokens are scored: no special ones, and not the first position of a row."""
    keep = ~np.isin(ids, special)
    in_reach = np.zeros(ids.shape[1], dtype=np.bool_)
    in_reach[rules.first : rules.last] = True
    in_reach[0] = False
    return keep & in_reach


def tokenize_prompt(text: str, tokenizer: Any, rules: RowRules = DEFAULT) -> TokenRows:
    """One row: the text's tokens as a row of a comparison's text has them.

    Args:
        tokenizer: a transformers tokenizer.

    Returns:
        One row, as long as the text needs; nothing in it is scored but the text's own tokens.
    """
    start = [_separator(tokenizer)] if rules.bos else []
    encoded = _encoded(tokenizer, [text], rules)
    ids = np.array([[*start, *encoded[0]]], dtype=np.int32)
    keep = ~np.isin(ids, special_ids(tokenizer))
    keep[:, : rules.bos] = False
    return TokenRows(ids, keep)


def tokenizer_checksum(tokenizer: Any) -> str:
    """What tells tokenizers apart: a hash of vocabulary, merges and rules; of the vocabulary alone for a slow one."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    content = json.dumps(tokenizer.get_vocab(), sort_keys=True) if backend is None else backend.to_str()
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def special_ids(tokenizer: Any) -> NDArray[np.int32]:
    """Ids of the tokens that are never scored: beginning and end of sequence, padding, control tokens."""
    added = getattr(tokenizer, "added_tokens_decoder", {})
    control = {token_id for token_id, token in added.items() if getattr(token, "special", False)}
    return np.array(sorted({*tokenizer.all_special_ids, *control, _separator(tokenizer)}), dtype=np.int32)


def control_token_note(
    documents: Iterable[str], tokenizer: Any, rules: RowRules, n_documents: int = 1000
) -> str | None:
    """What a comparison says about control tokens that its text spells out; None where there are none.

    Args:
        n_documents: so many of the first documents are searched.
    """
    found = sorted({name for document in islice(documents, n_documents) for name in CONTROL_TOKEN.findall(document)})
    if not found:
        return None
    known = [name for name in found if _is_special(tokenizer, name)]
    unknown = [name for name in found if name not in known]
    said = []
    if known:
        way = "read as control tokens, not scored" if rules.control_tokens else "read as plain text"
        said.append(f"{', '.join(known[:4])} {way}")
    if unknown:
        said.append(f"{', '.join(unknown[:4])} read as plain text: this model's tokenizer has no such token")
    hint = "; --control-tokens reads them as such" if known and not rules.control_tokens else ""
    return f"the text spells out control tokens: {', '.join(said)}{hint}"


def _is_special(tokenizer: Any, name: str) -> bool:
    token_id = tokenizer.convert_tokens_to_ids(name)
    # A name that it does not know stands for the unknown token, which is special too.
    is_known = token_id is not None and tokenizer.convert_ids_to_tokens(token_id) == name
    return is_known and int(token_id) in special_ids(tokenizer)


def _separator(tokenizer: Any) -> int:
    for token_id in (tokenizer.bos_token_id, tokenizer.eos_token_id):
        if token_id is not None:
            return int(token_id)
    raise TextError("this model's tokenizer has neither a beginning nor an end-of-sequence token")


def _encoded(tokenizer: Any, documents: Sequence[str], rules: RowRules) -> list[list[int]]:
    # A document may spell out a special token; it is text unless the rules say otherwise, so it stays text.
    options = {"add_special_tokens": False, "split_special_tokens": not rules.control_tokens, "verbose": False}
    ids: list[list[int]] = tokenizer(list(documents), **options)["input_ids"]
    return ids


def _token_parts(
    documents: Iterable[str], tokenizer: Any, separator: int, rules: RowRules
) -> Iterator[NDArray[np.int32]]:
    """The documents' tokens, with the separator behind each, some documents at a time."""
    remaining = iter(documents)
    while batch := list(islice(remaining, DOCUMENTS_PER_CALL)):
        encoded = _encoded(tokenizer, batch, rules)
        yield np.concatenate([np.array([*ids, separator], dtype=np.int32) for ids in encoded])


def _blocks(parts: Iterator[NDArray[np.int32]], width: int) -> Iterator[NDArray[np.int32]]:
    """The parts as `[n_rows, width]`, some rows at a time; the only row may be shorter."""
    rest, is_first = np.empty(0, dtype=np.int32), True
    for part in parts:
        rest = np.concatenate([rest, part])
        n_rows = len(rest) // width
        if n_rows:
            yield rest[: n_rows * width].reshape(n_rows, width)
            rest, is_first = rest[n_rows * width :], False
    if is_first:
        yield rest[None]
