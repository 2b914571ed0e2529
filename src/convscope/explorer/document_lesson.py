"""The part of the document about a lesson: states of the page with a text for each, and questions."""

from __future__ import annotations

from typing import Literal

from msgspec import field

from convscope.explorer.struct import Struct


class Visit(Struct, frozen=True, tag_field="kind", tag="visit"):
    """The reader has been at each of some places.

    Attributes:
        key: a key of the page's address, such as ``unit``.
        values: its values, as they are written there.
    """

    key: str
    values: tuple[str, ...]


class Change(Struct, frozen=True, tag_field="kind", tag="change"):
    """The reader has changed something that the step shows.

    Attributes:
        key: a key of the page's address, such as ``kernel``.
    """

    key: str


class Reach(Struct, frozen=True, tag_field="kind", tag="reach"):
    """The net, as it is now, meets some conditions; those that are null are not asked.

    Attributes:
        field: side of the receptive field of the last layer, at least [input pixel].
        params: parameters, at most.
        macs: multiply-adds, at most [MAC].
        out: shape ``c h w`` of the output.
    """

    field: int | None = None
    params: int | None = None
    macs: int | None = None
    out: tuple[int, ...] | None = None


Condition = Visit | Change | Reach
"""What the page waits for."""


class Numeric(Struct, frozen=True, tag_field="kind", tag="number"):
    """A question whose answer is a number.

    Attributes:
        ask: the question.
        right: the answer.
        within: how far an answer may be from it.
        hints: what to say to a wrong answer, by that answer.
    """

    ask: str
    right: float
    within: float = 0
    hints: dict[str, str] = field(default_factory=dict)


class Choice(Struct, frozen=True, tag_field="kind", tag="choice"):
    """A question with answers to choose from.

    Attributes:
        ask: the question.
        options: the answers.
        right: index of the correct one.
        hints: what to say to a wrong one, by its index.
    """

    ask: str
    options: tuple[str, ...]
    right: int
    hints: dict[str, str] = field(default_factory=dict)


class Task(Struct, frozen=True, tag_field="kind", tag="task"):
    """A question that is answered by changing the net.

    Attributes:
        ask: what to do.
        until: what the net must meet.
    """

    ask: str
    until: Reach


Question = Numeric | Choice | Task
"""What the page asks."""


class Step(Struct, frozen=True):
    """A state of the page, and what to do there.

    Attributes:
        show: values by key of the page's address; all other keys are as at the start.
        read: the text, at most 60 words.
        cover: the part of the page that stays covered until the prediction is made; empty if there is none.
        predict: what is asked before the result is shown; the answer is kept beside it, without a mark.
        do: what the page waits for before it shows ``notice``; null if the reader only reads.
        notice: what there is to see after that; may be empty.
    """

    show: dict[str, str]
    read: str
    cover: Literal["", "output", "costs", "field"] = ""
    predict: Numeric | Choice | None = None
    do: Condition | None = None
    notice: str = ""


class Lesson(Struct, frozen=True):
    """A lesson.

    Attributes:
        name: its name on the command line.
        title: the question that it answers.
        idea: the answer in a sentence or two.
        steps: in order; at least one.
        hand: a calculation to redo by hand.
        wrong: a mistake that is often written, and what is right.
        question: asked at the end.
        further: what to try next.
    """

    name: str
    title: str
    idea: str
    steps: tuple[Step, ...]
    hand: str
    wrong: str
    question: Question
    further: str
