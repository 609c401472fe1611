"""The argument parser of all commands: help shows defaults, errors suggest similar options."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from maskedface.names import did_you_mean


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` whose help shows every default, and whose errors suggest similar options.

    Args:
        prog: str, the program's name, such as "maskedface verify".
        description: str, the text at the top of the help, printed unchanged.
        words: further arguments of `ArgumentParser`.
    """

    def __init__(self, prog: str, description: str | None = None, **words: Any) -> None:
        words.setdefault("formatter_class", _Help)
        super().__init__(prog, description=description, **words)
        self._words: list[str] = []

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As `ArgumentParser.parse_known_args`."""
        self._words = [] if args is None else [str(word) for word in args]
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Prints the message, with a suggestion for an unknown option, and exits with code 2."""
        options = self._option_string_actions
        wrong = [
            word.partition("=")[0]
            for word in self._words
            if word.startswith("--") and len(word) > 2 and not self._is_option(word)
        ]
        hints = (did_you_mean(word, options) for word in dict.fromkeys(wrong))
        super().error(message + next(filter(None, hints), ""))

    def _is_option(self, word: str) -> bool:
        """Whether an argument is an option, or an abbreviation of one."""
        name = word.partition("=")[0]
        return any(option.startswith(name) for option in self._option_string_actions)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            error.message += did_you_mean(value, map(str, action.choices or ()))
            raise


class _Help(argparse.RawDescriptionHelpFormatter):
    """Keeps the text's line breaks, and adds the default of each option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str:
        told, default = action.help or "", action.default
        is_flag = action.nargs == 0 or not action.option_strings
        if is_flag or default in (None, "", argparse.SUPPRESS) or default == []:
            return told
        if "default" in told:
            return told
        values = default if isinstance(default, list | tuple) else [default]
        words = f"default: {' '.join(map(str, values))}".replace("%", "%%")
        return f"{told}; {words}" if told else words
