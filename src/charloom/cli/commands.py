"""The commands. Each imports what it needs when it runs, so that `--help` stays quick."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from .main import cli

if TYPE_CHECKING:
    from charloom.language_model import LanguageModel
    from charloom.training import Observer

encoding_option = click.option(
    "--encoding", metavar="NAME", help="The texts' encoding; found out by default."
)
field_option = click.option(
    "--field", metavar="NAME", help="The field to read in .jsonl and .csv files."
)
READING = (
    encoding_option,
    click.option("--lowercase", is_flag=True, help="Turn everything to lower case."),
    field_option,
    click.option("--lines", is_flag=True, help="Every line is a text of its own."),
)


def reading_options(command: Any) -> Any:
    for option in reversed(READING):
        command = option(command)
    return command


@cli.command()
@click.argument("texts", nargs=-1, metavar="TEXT...")
@click.option("-o", "--output", metavar="MODEL", help="The model's folder [default: TEXT-model].")
@click.option("--minutes", type=float, default=2.0, show_default=True, help="Time to train for.")
@click.option(
    "--from",
    "start",
    metavar="WHAT",
    help="Start from base (the model that comes with Charloom), from nothing, or from a MODEL; "
    "decided by the text by default.",
)
@click.option("--resume", metavar="MODEL", help="Go on with a run that was stopped.")
@click.option("--overwrite", is_flag=True, help="Replace a model that is there already.")
@reading_options
@click.option(
    "--label",
    metavar="FIELD",
    help="The field that is each text's label, or folder: the sub-folder that it lies in.",
)
@click.option("--deduplicate", is_flag=True, help="Leave out texts that occurred before.")
@click.option(
    "--vocabulary",
    type=click.Choice(["characters", "bytes"]),
    help="What is learned one after another [default: bytes from base, else characters].",
)
@click.option(
    "--validation",
    type=float,
    default=0.1,
    show_default=True,
    help="The share of the text, at its end, that is held out to score.",
)
@click.option(
    "--keep-validation-out",
    is_flag=True,
    help="Never learn from that part, not even once it is scored.",
)
@click.option(
    "--memory/--no-memory",
    default=True,
    help="Keep the text in the model, to remember by [default: yes].",
)
@click.option("--layers", type=int, help="LSTM layers.")
@click.option("--units", type=int, help="Units of each layer.")
@click.option("--batch", type=int, help="Parallel streams that the text is cut into.")
@click.option("--steps", type=int, help="Characters that gradients reach back over.")
@click.option("--dropout", type=float, help="Share of each layer's outputs dropped in training.")
@click.option("--learning-rate", type=float, help="Adam's learning rate at its highest.")
@click.option("--epochs", type=int, help="Train so many passes over the text, not by the clock.")
@click.option("--seed", type=int, default=0, show_default=True, help="Fixes all chance.")
@click.option("--tensorboard", metavar="DIR", help="Write TensorBoard's files to DIR as well.")
@click.option("--quiet", is_flag=True, help="Show nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end only.")
def train(texts: tuple[str, ...], **options: Any) -> None:
    """Learn from texts: files, folders, globs, or - for standard input.

    Reads .txt, .md, .jsonl and .csv, each also as .gz. What is not given is
    chosen from the text's size and the time.
    """
    from charloom.text import SettingError
    from charloom.training import ranks_of_this_run, resume, train

    if not texts and not options["resume"]:
        raise SettingError("Name a text to learn from, as in: charloom train othello.txt")
    if options["resume"]:
        _check_resume_alone(texts)
    observer = _observer(options.pop("quiet"), options["as_json"], options.pop("tensorboard"))
    as_json, model, output = options.pop("as_json"), options.pop("resume"), options.pop("output")
    if model:
        trained = resume(model, observer=observer)
    else:
        trained = train(texts, output, observer=observer, **options)
    ranks = ranks_of_this_run()
    if as_json and (ranks is None or ranks.leads):  # of several processes one speaks
        click.echo(json.dumps(trained.scores))


def _check_resume_alone(texts: tuple[str, ...]) -> None:
    """A run goes on with its own texts and settings: others given would be lost unseen."""
    from charloom.text import SettingError

    context = click.get_current_context()
    free = {"resume", "quiet", "as_json", "tensorboard"}
    given = [
        name.replace("_", "-")
        for name in context.params
        if name not in free and context.get_parameter_source(name) == ParameterSource.COMMANDLINE
    ]
    if texts or given:
        what = "texts" if texts else f"--{given[0]}"
        raise SettingError(f"--resume goes on with the run's own settings; leave out {what}.")


def _observer(quiet: bool, as_json: bool, tensorboard: str | None) -> Observer:
    from charloom.training import Observer, Observers

    from .display import display

    shown = Observer() if quiet or as_json else display()
    if tensorboard is None:
        return shown
    from charloom.training.tensorboard import TensorBoardObserver

    return Observers(shown, TensorBoardObserver(Path(tensorboard)))


@cli.command()
@click.argument("model", metavar="MODEL")
@click.option("--prompt", default="", metavar="TEXT", help="Go on from this text.")
@click.option("--prompt-file", metavar="FILE", help="Go on from the text in a file.")
@click.option("--length", type=int, default=500, show_default=True, help="Characters to write.")
@click.option(
    "--temperature",
    type=float,
    default=0.8,
    show_default=True,
    help="Lower is safer, higher is bolder.",
)
@click.option("--top-k", type=int, help="Choose among the K likeliest characters only.")
@click.option("--top-p", type=float, help="Choose among the likeliest that reach probability P.")
@click.option("--min-p", type=float, help="Leave out what is under P times the likeliest.")
@click.option(
    "--repetition-penalty",
    type=float,
    default=1.0,
    show_default=True,
    help="Over 1: characters just written become less likely.",
)
@click.option(
    "--greedy", is_flag=True, help="Always the likeliest character, as the tutorial does."
)
@click.option(
    "--stop", multiple=True, metavar="TEXT", help="End before this text; may be repeated."
)
@click.option(
    "--max-copy", type=int, metavar="N", help="Never copy over N characters in a row from the text."
)
@click.option("--label", metavar="NAME", help="In the manner of a label, or a=0.7,b=0.3.")
@click.option("--seed", type=int, help="Same seed, same text.")
@click.option(
    "--count", type=int, default=1, show_default=True, help="Write so many texts at once."
)
@click.option("--interactive", is_flag=True, help="Write together: pick from the likeliest pieces.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def write(model: str, prompt: str, prompt_file: str | None, **options: Any) -> None:
    """Write new text in a model's style; it appears as it is written."""
    from charloom.language_model import load
    from charloom.text import SettingError
    from charloom.writing import new_seed

    if prompt and prompt_file:
        raise SettingError("Give --prompt or --prompt-file, not both.")
    if prompt_file:
        prompt = _read_prompt(prompt_file)
    loaded = load(model)
    _report_unseen(loaded, prompt)
    as_json, count = options.pop("as_json"), options.pop("count")
    if options.pop("interactive"):
        if as_json or count > 1:
            raise SettingError("Writing together is one text on the screen: no --json, --count.")
        if options["max_copy"] is not None:
            raise SettingError("Writing together has no limit to copies; leave out --max-copy.")
        from .interactive import write_together

        write_together(loaded, prompt, options["label"])
        return
    if options["seed"] is None:
        options["seed"] = new_seed()
    pieces = loaded.stream_many(prompt, count=count, **options)
    if as_json:
        texts = [""] * count
        for number, piece in pieces:
            texts[number] += piece
        click.echo(json.dumps({"prompt": prompt, "seed": options["seed"], "texts": texts}))
    elif count == 1:
        _show(prompt)
        for _, piece in pieces:
            _show(piece)
        _show("\n")
    else:
        _show_many(pieces, prompt, count)


def _show(text: str) -> None:
    """Print text at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def _show_many(pieces: Any, prompt: str, count: int) -> None:
    texts = [""] * count
    for number, piece in pieces:
        texts[number] += piece
    for number, text in enumerate(texts, 1):
        _show(f"--- {number} ---\n{prompt}{text}\n")


def _read_prompt(file: str) -> str:
    from charloom.text import END, Reading, read_texts

    return read_texts([file], Reading()).replace(END, "")


def _report_unseen(model: LanguageModel, prompt: str) -> None:
    _, replaced = model.data.vocabulary.encode_prompt(prompt)
    if replaced:
        shown = ", ".join(f"{c!r} as {s!r}" if s else f"{c!r}" for c, s in replaced.items())
        click.echo(
            f"charloom: the model never saw {shown}; what has no stand-in is read as unknown.",
            err=True,
        )


@cli.command()
@click.argument("model", metavar="MODEL")
@click.argument("texts", nargs=-1, required=True, metavar="TEXT...")
@reading_options
@click.option("--label", metavar="NAME", help="As texts of a label, or a=0.7,b=0.3.")
@click.option("--worst", type=int, metavar="N", help="Show the N most surprising passages.")
@click.option(
    "--adaptive",
    is_flag=True,
    help="Learn from each piece once it is scored: another figure, apart from static scores.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def score(
    model: str,
    texts: tuple[str, ...],
    label: str | None,
    worst: int | None,
    adaptive: bool,
    as_json: bool,
    **reading: Any,
) -> None:
    """Say how well a model predicts texts: the exact mean over every character."""
    from charloom.language_model import load
    from charloom.text import Reading, SettingError, read_texts

    if adaptive and worst is not None:
        raise SettingError("--worst is of the model as it is; leave it out with --adaptive.")
    if adaptive and label is not None:
        raise SettingError("An adaptive score is of all labels evenly; leave out --label.")
    loaded = load(model)
    text = read_texts(texts, Reading(**reading))
    if adaptive:
        from .adaptive import show_adaptive_score

        show_adaptive_score(loaded, text, as_json)
        return
    read = loaded.read(text, label=label)
    result = read.score()
    passages = read.worst(worst) if worst else []
    if as_json:
        data = result.to_dict()
        if worst:
            data["worst"] = [vars(passage) for passage in passages]
        click.echo(json.dumps(data))
        return
    click.echo(f"bits per character   {result.bits_per_character:.4f}")
    click.echo(f"bits per byte        {result.bits_per_byte:.4f}")
    click.echo(f"nats per character   {result.nats_per_character:.4f}")
    click.echo(f"perplexity           {result.perplexity:.3f}")
    click.echo(f"characters           {result.characters:,}")
    if result.unseen:
        click.echo(f"never seen           {sum(result.unseen.values()):,}")
    for passage in passages:
        shown = passage.text.replace("\n", "⏎")
        click.echo(f"\nat {passage.position:,}, {passage.bits_per_character:.2f} bits: {shown}")


@cli.command()
@click.argument("model", metavar="MODEL")
@click.option("--text", metavar="FILE", help="Compare with a text that the model never saw.")
@click.option("--max-copy", type=int, metavar="N", help="Write as with write's --max-copy.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def originality(model: str, text: str | None, max_copy: int | None, as_json: bool) -> None:
    """Say how much a model copies from its text: 50 texts at each of three temperatures."""
    from charloom.language_model import load
    from charloom.scoring import excerpts
    from charloom.text import Reading, read_texts

    from .copies import show_originality

    loaded = load(model)
    parts = [] if text is None else excerpts(read_texts([text], Reading()), 50, 500)
    written = {
        f"temperature {heat}": loaded.originality(temperature=heat, max_copy=max_copy)
        for heat in (0.5, 0.8, 1.0)
    }
    # Without a text, what training measured of the part that it held out.
    reference: dict[str, Any] | None = (loaded.scores.get("originality") or {}).get("reference")
    if text is not None:
        reference = loaded.originality(parts).to_dict()
    if as_json:
        found = {name: result.to_dict() for name, result in written.items()}
        click.echo(json.dumps({**found, "reference": reference}))
        return
    show_originality(written, reference)


@cli.command()
@click.argument("model", metavar="MODEL")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def info(model: str, as_json: bool) -> None:
    """Show a model's card: its text, scores, network and how it was trained."""
    from charloom.model import load_model
    from charloom.text import ModelError
    from charloom.training.report import model_card

    data = load_model(model)
    if as_json:
        everything = {
            "text": data.text,
            "scores": data.scores,
            "training": data.training,
            "network": data.shape.to_dict(),
            "vocabulary": data.vocabulary.characters or "bytes",
        }
        click.echo(json.dumps(everything))
        return
    path = Path(model)
    try:
        card = model_card(data, path.name if path.is_dir() else path.stem)
    except (TypeError, ValueError, KeyError):
        raise ModelError(f"{model} is damaged: its card cannot be read.") from None
    _show(card)


@cli.command()
@click.argument("name", metavar="NAME")
@click.option("-o", "--output", metavar="FILE", help="Write to a file rather than the screen.")
def sample(name: str, output: str | None) -> None:
    """Give a sample text: othello (the whole play) or othello-monologue (1,860 characters)."""
    from charloom.text import StorageError, sample

    text = sample(name)
    if output is None:
        _show(text)
        return
    try:
        Path(output).write_text(text, "utf-8")
    except OSError as error:
        raise StorageError(f"{output} could not be written ({error.strerror}).") from None
