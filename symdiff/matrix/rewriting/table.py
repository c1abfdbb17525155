"""The table of rewriting: how a derivative becomes the formula that a person would write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from symdiff.matrix.construct import dot, inverse, make
from symdiff.matrix.node import Node
from symdiff.matrix.rewriting.terms import (
    Factor,
    Reader,
    Scalars,
    Term,
    build,
    flip,
    is_ones,
    is_symmetric,
    monomial,
    spelling,
)

__all__ = ["REWRITINGS", "Rewriting", "measure", "rewrite", "sum_of"]

_MOST = 100  # rewritings of one sum


@dataclass(frozen=True)
class Rewriting:
    """One rule of rewriting.

    Attributes
    ----------
    name : str
        What it is called.
    law : str
        The equation, with its condition.
    apply : callable
        Takes the terms of a sum and a node of its shape, and returns other terms of the same sum,
        or None where the rule has nothing to do.
    source : str
        Where the law can be looked up.
    measure : str
        What becomes less whenever the rule is applied, so that rewriting ends: a key of
        `symdiff.matrix.rewriting.measure`. What stands before it there is not made more.
    """

    name: str
    law: str
    apply: Callable[[list[Term], Node], list[Term] | None]
    source: str
    measure: str


def _each(rule: Callable[[Term, Node], Term | None]) -> Callable[..., list[Term] | None]:
    """Return the rule of sums that applies a rule to each term."""

    def apply(terms: list[Term], like: Node) -> list[Term] | None:
        found = [rule(term, like) for term in terms]
        if all(term is None for term in found):
            return None
        return [new or old for new, old in zip(found, terms, strict=True)]

    return apply


# One term -----------------------------------------------------------------------------------------


def _inner_product(term: Term, like: Node) -> Term | None:
    """Return the term with a row times a column among its scalars."""
    chain = term.chain
    starts = [k for k, f in enumerate(chain) if f.node.ndim == 1 and f.flipped]
    for start in starts:
        ends = [k for k in range(start + 1, len(chain)) if chain[k].node.ndim == 1]
        if ends and not chain[ends[0]].flipped:
            inside = chain[start : ends[0] + 1]
            scalar = row_times_column(inside)
            powers = dict(term.scalars)
            powers[scalar] = powers.get(scalar, 0) + 1
            rest = chain[:start] + chain[ends[0] + 1 :]
            return Term(term.number, monomial(powers), rest)
    return None


def row_times_column(chain: Sequence[Factor]) -> Node:
    """Return a scalar, the same one from whichever end it is read."""
    chain = min(tuple(chain), flip(chain), key=_spelled)
    first, rest = chain[0].node, chain[1:]
    other = build(Term(1, (), tuple(rest)), first)
    return dot(first, other)


def _identity(term: Term, like: Node) -> Term | None:
    """Return the term without a factor I."""
    chain = term.chain
    kept = tuple(f for f in chain if f.node.op != "eye")
    if len(kept) == len(chain) or not chain[1:]:
        return None
    return term._replace(chain=kept or chain[:1])


def _inverse_beside(term: Term, like: Node) -> Term | None:
    """Return the term without a factor, or a product of some, that an inverse beside it undoes."""
    chain = term.chain
    for k, factor in enumerate(chain):
        if factor.node.op != "inv":
            continue
        inside = Reader().term(factor.node.args[0])
        if inside.number != 1 or inside.scalars:
            continue
        inner = flip(inside.chain) if factor.flipped else inside.chain
        for n in range(len(inner), 0, -1):
            if chain[k - n : k] == inner[-n:] and k >= n and _is_square(inner[-n:]):
                return _replaced(term, k - n, k + 1, inner[:-n], like)
            if chain[k + 1 : k + 1 + n] == inner[:n] and _is_square(inner[:n]):
                return _replaced(term, k, k + 1 + n, inner[n:], like)
    return None


def _replaced(
    term: Term, start: int, stop: int, inner: tuple[Factor, ...], like: Node
) -> Term | None:
    """Return the term with the inverse of what is left of a product."""
    middle: tuple[Factor, ...] = ()
    if len(inner) == 1:
        middle = (Factor(inverse(inner[0].node), inner[0].flipped),)
    elif inner:
        middle = (Factor(inverse(build(Term(1, (), inner), inner[0].node))),)
    rest = term.chain[:start] + middle + term.chain[stop:]
    if not rest:
        rest = (Factor(like.graph.eye(like.shape[0])),)
    return term._replace(chain=rest)


def _is_square(chain: Sequence[Factor]) -> bool:
    """Return whether a product of matrices has as many rows as columns, in name."""
    if any(f.node.ndim != 2 for f in chain):
        return False
    return chain[0].sides[0] == chain[-1].sides[1]


# Sums ---------------------------------------------------------------------------------------------


def _like_terms(terms: list[Term], like: Node) -> list[Term] | None:
    """Return the sum with one term for equal ones; terms that vanish are left out."""
    numbers: dict[tuple[object, ...], float] = {}
    for term in terms:
        numbers[term[1:]] = numbers.get(term[1:], 0) + term.number
    kept = [Term(n, *rest) for rest, n in numbers.items() if n]  # type: ignore[arg-type]
    if len(kept) == len(terms):
        return None
    return kept


def _mirrored(terms: list[Term], like: Node) -> list[Term] | None:
    """Return the sum with ``P (A + Aᵀ) Q`` for ``P A Q + P Aᵀ Q``."""
    alike: dict[tuple[object, ...], list[int]] = {}
    for k, term in enumerate(terms):
        nodes = tuple(f.node.index for f in term.chain)
        for j in alike.setdefault((term.number, term.scalars, nodes), []):
            both = _with_symmetric(terms[j], term)
            if both is not None:
                return [both, *(t for i, t in enumerate(terms) if i not in (j, k))]
        alike[(term.number, term.scalars, nodes)].append(k)
    return None


def _with_symmetric(one: Term, other: Term) -> Term | None:
    """Return the sum of two products that differ by one transpose, None if they do not."""
    places = [i for i, f in enumerate(one.chain) if f != other.chain[i]]
    if len(places) != 1 or len(one.chain) == 1:
        return None
    (i,) = places
    node = one.chain[i].node
    if node.ndim != 2 or node.shape[0] != node.shape[1]:
        return None
    both = make("add", node, build(Term(1, (), (Factor(node, True),)), node))
    return one._replace(chain=(*one.chain[:i], Factor(both), *one.chain[i + 1 :]))


def _common_end(terms: list[Term], like: Node) -> list[Term] | None:
    """Return ``P (A + B)`` for ``P A + P B``, and likewise at the other end."""
    if len(terms) < 2 or not all(len(term.chain) > 1 for term in terms):
        return None
    for left in (True, False):
        ends = {term.chain[0 if left else -1] for term in terms}
        if len(ends) > 1:
            continue
        (end,) = ends
        rests = [term.chain[1:] if left else term.chain[:-1] for term in terms]
        if any(_is_row(rest) for rest in rests):
            continue
        inner = [t._replace(chain=rest) for t, rest in zip(terms, rests, strict=True)]
        number, scalars, inner = _front(inner)
        whole = sum_of(rewrite(inner, like), like)
        chain = (end, Factor(whole)) if left else (Factor(whole), end)
        return [Term(number, scalars, chain)]
    return None


def _is_row(chain: Sequence[Factor]) -> bool:
    """Return whether a product is a row, which no array is by itself."""
    return chain[0].sides[0] == 1 or (chain[0].node.ndim == 1 and chain[0].flipped)


def _front(terms: list[Term]) -> tuple[float, Scalars, list[Term]]:
    """Return the common front of terms, before their chains, and the terms without it."""
    number, shared = 1.0, dict(terms[0].scalars)
    for term in terms[1:]:
        powers = dict(term.scalars)
        for node, n in list(shared.items()):
            m = powers.get(node, 0)
            shared[node] = min(n, m) if n > 0 and m > 0 else max(n, m) if n < 0 and m < 0 else 0
    if len({abs(term.number) for term in terms}) == 1:
        number = abs(terms[0].number)
    if all(term.number < 0 for term in terms):
        number = -number
    rest = []
    for term in terms:
        powers = {node: n - shared.get(node, 0) for node, n in term.scalars}
        rest.append(Term(term.number / number, monomial(powers), term.chain))
    return number, monomial(shared), rest


def _common_scalars(terms: list[Term], like: Node) -> list[Term] | None:
    """Return ``s (A + B)`` for ``s A + s B``."""
    if len(terms) < 2 or like.shape == () or not all(term.chain for term in terms):
        return None
    number, scalars, inner = _front(terms)
    if not scalars:
        return None
    whole = sum_of(rewrite(inner, like), like)
    return [Term(number, scalars, (Factor(whole),))]


def _transposed_sum(terms: list[Term], like: Node) -> list[Term] | None:
    """Return ``(A B + C)ᵀ`` for ``Bᵀ Aᵀ + Cᵀ``, where that has fewer signs of transposition."""
    factors = [f for term in terms for f in term.chain]
    flips = sum(f.flipped for f in factors)
    flat = all(f.node.ndim == 2 and (f.flipped or is_symmetric(f.node)) for f in factors)
    if len(terms) < 2 or flips < 3 or not flat or not all(term.chain for term in terms):
        return None
    inner = [term._replace(chain=flip(term.chain)) for term in terms]
    return [Term(1, (), (Factor(sum_of(inner, like), True),))]


def _in_order(terms: list[Term], like: Node) -> list[Term] | None:
    """Return the terms in order: positive ones first, then as they are spelled."""
    ordered = sorted(terms, key=_place)
    return None if ordered == terms else ordered


def _place(term: Term) -> tuple[bool, bool, str, str]:
    """Return the key by which terms are ordered: numbers last."""
    scalars = " ".join(spelling(node) for node, _ in term.scalars)
    constant = len(term.chain) == 1 and is_ones(term.chain[0].node)
    return term.number < 0, constant, _spelled(term.chain), scalars


def _spelled(chain: Sequence[Factor]) -> str:
    """Return the key by which chains are ordered."""
    return " ".join(spelling(f.node) + "'" * f.flipped for f in chain)


def sum_of(terms: Sequence[Term], like: Node) -> Node:
    """Return the sum of terms as operations, of the shape of a node."""
    whole: Node | None = None
    for term in terms:
        if whole is None:
            whole = build(term, like)
        elif term.number < 0:
            whole = make("subtract", whole, build(term._replace(number=-term.number), like))
        else:
            whole = make("add", whole, build(term, like))
    return like.graph.number(0) if whole is None else whole


#: Every rule, in the order in which they are tried.
REWRITINGS: tuple[Rewriting, ...] = (
    Rewriting(
        "row times column",
        "P uᵀ v Q = (uᵀ v) P Q",
        _each(_inner_product),
        "Magnus & Neudecker 2019, 1.3",
        "factors",
    ),
    Rewriting(
        "identity",
        "P I Q = P Q",
        _each(_identity),
        "Magnus & Neudecker 2019, 1.5",
        "factors",
    ),
    Rewriting(
        "inverse beside its product",
        "P B (A B)⁻¹ = P A⁻¹ and (A B)⁻¹ A Q = B⁻¹ Q, where the factor that goes is square",
        _each(_inverse_beside),
        "Magnus & Neudecker 2019, 1.8; Petersen & Pedersen 2012, (1)",
        "factors",
    ),
    Rewriting(
        "like terms",
        "m A + n A = (m + n) A",
        _like_terms,
        "Magnus & Neudecker 2019, 1.3",
        "terms",
    ),
    Rewriting(
        "order",
        "A + B = B + A: positive terms first, then as they are spelled",
        _in_order,
        "Magnus & Neudecker 2019, 1.3",
        "order",
    ),
    Rewriting(
        "symmetric sum",
        "P A Q + P Aᵀ Q = P (A + Aᵀ) Q, A square",
        _mirrored,
        "Petersen & Pedersen 2012, (81)",
        "terms",
    ),
    Rewriting(
        "common factor",
        "P A + P B = P (A + B) and A Q + B Q = (A + B) Q, A and B no rows",
        _common_end,
        "Magnus & Neudecker 2019, 1.3",
        "terms",
    ),
    Rewriting(
        "common scalar",
        "s A + s B = s (A + B)",
        _common_scalars,
        "Magnus & Neudecker 2019, 1.3",
        "terms",
    ),
    Rewriting(
        "transposed sum",
        "Bᵀ Aᵀ + Cᵀ = (A B + C)ᵀ, all factors transposed, three at least",
        _transposed_sum,
        "Magnus & Neudecker 2019, 1.4",
        "terms",
    ),
)


def rewrite(terms: list[Term], like: Node) -> list[Term]:
    """Return the terms of a sum in normal form."""
    for _ in range(_MOST):
        for rule in REWRITINGS:
            found = rule.apply(terms, like)
            if found is not None:
                terms = found
                break
        else:
            break
    return terms


def measure(terms: Sequence[Term]) -> dict[str, int]:
    """Return the measure of terms: the first of it that a rule changes becomes smaller."""
    keys = [_place(term) for term in terms]
    return {
        "terms": len(terms),
        "factors": sum(len(term.scalars) + len(term.chain) for term in terms),
        "order": sum(a > b for k, a in enumerate(keys) for b in keys[k + 1 :]),
    }
