"""What requests and answers look like: the names of OpenAI's interface, and a few of ours."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from charloom.writing import Sampling

from .limits import LONGEST_STOP, MOST_LOGPROBS, MOST_PROMPTS, MOST_STOPS, MOST_TEXTS

DEFAULTS = Sampling()
LENGTH = 500  # characters, as `charloom write`

Stop = Annotated[str, Field(min_length=1, max_length=LONGEST_STOP)]
Label = Annotated[str, Field(max_length=1000)] | Annotated[dict[str, float], Field(max_length=1000)]


class Asked(BaseModel):
    """A request: with a name that is not known it is refused, as a typing error would be."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _whole_numbers(cls, data: Any) -> Any:
        """2.0 is a whole number in JSON."""
        if not isinstance(data, dict):
            return data
        return {
            name: int(value) if isinstance(value, float) and value.is_integer() else value
            for name, value in data.items()
        }


class StreamOptions(Asked):
    include_usage: bool | None = Field(
        None, description="End with one more piece, which holds the usage of all."
    )


class CompletionRequest(Asked):
    """New text after a prompt. Tokens are characters here."""

    model: str = Field(max_length=1000, description="A model's id, as in /v1/models.")
    prompt: str | Annotated[list[str], Field(min_length=1, max_length=MOST_PROMPTS)] | None = Field(
        "", description="What to go on from; empty: as a text of the training text begins."
    )
    max_tokens: int | None = Field(LENGTH, ge=0, description="The most characters to write.")
    temperature: float | None = Field(
        DEFAULTS.temperature,
        ge=0,
        le=100,
        description="Lower is safer, higher is bolder; 0 takes the likeliest.",
    )
    top_p: float | None = Field(
        None, ge=0, le=1, description="Choose among the likeliest that reach this probability."
    )
    top_k: int | None = Field(
        None, ge=1, le=10**6, description="Choose among so many of the likeliest."
    )
    min_p: float | None = Field(
        None, ge=0, le=1, description="Leave out what is under this share of the likeliest."
    )
    repetition_penalty: float | None = Field(
        1.0, ge=1, le=100, description="Over 1: characters just written become less likely."
    )
    max_copy: int | None = Field(
        None,
        ge=4,
        le=10**6,
        description="Copy at most so many characters in a row from the training text.",
    )
    label: Label | None = Field(
        None, description='In the manner of a label: a name, "a=0.7,b=0.3", or weights by name.'
    )
    n: int | None = Field(1, ge=1, le=MOST_TEXTS, description="So many texts of each prompt.")
    stop: Stop | Annotated[list[Stop], Field(max_length=MOST_STOPS)] | None = Field(
        None, description="End before any of these."
    )
    seed: int | None = Field(None, ge=0, lt=2**63, description="Same seed, same text.")
    stream: bool | None = Field(False, description="Send the text as it is written, as events.")
    stream_options: StreamOptions | None = None
    logprobs: int | None = Field(
        None,
        ge=0,
        le=MOST_LOGPROBS,
        description="Give each character's log-probability, with so many of the likeliest.",
    )
    echo: bool | None = Field(False, description="Give the prompt as well.")
    user: str | None = Field(None, description="Not used.")
    best_of: int | None = Field(None, ge=1, le=1, description="Not supported: 1.")
    suffix: str | None = Field(None, max_length=0, description="Not supported: leave it empty.")
    presence_penalty: float | None = Field(None, ge=0, le=0, description="Not supported: 0.")
    frequency_penalty: float | None = Field(None, ge=0, le=0, description="Not supported: 0.")
    logit_bias: dict[str, Any] | None = Field(
        None, max_length=0, description="Not supported: leave it empty."
    )

    def sampling(self) -> Sampling:
        """How its characters are chosen."""
        chosen = {
            name: value
            for name in ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")
            if (value := getattr(self, name)) is not None
        }
        return Sampling(**chosen)

    @property
    def prompts(self) -> list[str]:
        return self.prompt if isinstance(self.prompt, list) else [self.prompt or ""]

    @property
    def stops(self) -> tuple[str, ...]:
        if self.stop is None:
            return ()
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)


class Logprobs(BaseModel):
    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None] | None
    text_offset: list[int]


class Choice(BaseModel):
    index: int
    text: str
    logprobs: Logprobs | None
    finish_reason: Literal["stop", "length"]


class Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Completion(BaseModel):
    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    seed: int = Field(description="What the texts were drawn with; give it for the same again.")
    choices: list[Choice]
    usage: Usage


class ScoreRequest(Asked):
    """A text that the model is to predict."""

    model: str = Field(max_length=1000, description="A model's id, as in /v1/models.")
    text: str = Field(min_length=1)
    label: Label | None = Field(None, description="As a text of a label.")


class ScoreAnswer(BaseModel):
    object: Literal["score"]
    model: str
    bits_per_character: float
    bits_per_byte: float
    nats_per_character: float
    perplexity: float
    characters: int
    unseen_characters: int


class Model(BaseModel):
    id: str
    object: Literal["model"]
    created: int = Field(description="When the model's file was written, in Unix seconds.")
    owned_by: Literal["charloom"]
    characters: str = Field(description="Those it knows; empty for one of bytes.")
    labels: list[str]
    file_changed: bool = Field(
        description="The file is another one by now; what is served is what was loaded."
    )


class ModelList(BaseModel):
    object: Literal["list"]
    data: list[Model]


class Health(BaseModel):
    status: Literal["ok"]


class ErrorInside(BaseModel):
    message: str
    type: str
    param: str | None
    code: str | None


class ErrorAnswer(BaseModel):
    error: ErrorInside
