"""How commands read their words: help with defaults, and near words for wrong ones."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from maskedface.names import did_you_mean


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` whose help shows every default, and whose errors name the word that was meant.

    Args:
        prog: str, what is called, as "maskedface verify".
        description: str, what its help begins with, as it stands.
        words: as of any parser.
    """

    def __init__(self, prog: str, description: str | None = None, **words: Any) -> None:
        words.setdefault("formatter_class", _Help)
        super().__init__(prog, description=description, **words)
        self._words: list[str] = []

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As of any parser."""
        self._words = [] if args is None else [str(word) for word in args]
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Ends with exit code 2, the message and the options that were meant by words that are none."""
        options = self._option_string_actions
        wrong = [
            word.partition("=")[0]
            for word in self._words
            if word.startswith("--") and len(word) > 2 and not self._is_option(word)
        ]
        hints = (did_you_mean(word, options) for word in dict.fromkeys(wrong))
        super().error(message + next(filter(None, hints), ""))

    def _is_option(self, word: str) -> bool:
        """Whether a word is an option, or the beginning of one."""
        name = word.partition("=")[0]
        return any(option.startswith(name) for option in self._option_string_actions)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            error.message += did_you_mean(value, map(str, action.choices or ()))
            raise


class _Help(argparse.RawDescriptionHelpFormatter):
    """Text as it stands, and a default beside each option that has one."""

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
