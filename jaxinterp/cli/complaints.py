"""What is wrong with the arguments? The parser's framed complaint as one line, with a suggestion where one is near."""

import re

from jaxinterp.text import suggestion


def in_one_line(complaint: str) -> str:
    """tyro's complaint without its frame and title, with the most similar option alone, and where to read more."""
    lines = [line.strip("│╰╯ ") for line in complaint.splitlines()[1:]]
    text = " ".join(line for line in lines if line.strip("─-"))
    text, _, hint = text.partition(" For full helptext, ")
    return f"{_plainly(text)}; see {re.sub('^(run|see):? ', '', hint) or '--help'}"


def _plainly(text: str) -> str:
    if unknown := re.match(r"Unrecognized (?:or misplaced )?options: ", text):
        given, *similar = re.split(r" (?:Perhaps you meant|Arguments similar to \S+): ", text[unknown.end() :])
        return _unknown(given, similar)
    if choice := re.match(r"invalid choice '(.*)' for argument '(.*)'\. Expected one of \((.*)\)\.", text):
        given, name, known = choice[1], choice[2], re.findall(r"'([^']*)'", choice[3])
        return f"{name} cannot be {given!r}{suggestion(given, known)}: use {', '.join(known)}"
    return text.split(" Argument helptext: ")[0].rstrip(".")


def _unknown(given: str, similar: list[str]) -> str:
    """similar: for each unknown option, options with their help and commands, the most similar one first."""
    command = re.search(r"\(applied to ([^)]*)\)", given)  # given where another command has such an option
    first = [re.split(r" (?=--(?!help))", options)[0] for options in similar]
    meant = [option.split()[0].strip(",") for option in first if command is None or f"in {command[1]} --help" in option]
    words = re.sub(r" \(applied to [^)]*\)| Arguments are applied .*| Available subcommands: .*", "", given)
    options = [word for word in re.split(",? ", words) if word.startswith("-")]
    what = f"there is no option {', '.join(options)}" if options else f"unexpected argument: {words}"
    return what + (f" (did you mean {', '.join(meant)}?)" if meant else "")
