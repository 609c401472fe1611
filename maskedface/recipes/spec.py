"""A Keras object as plain data: recipes are read, compared and changed without Keras."""

from __future__ import annotations

import contextlib
import copy
import importlib
import inspect
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from maskedface.names import did_you_mean

_KEYS = {"module", "class_name", "config", "registered_name", "build_config", "compile_config"}


@dataclass(frozen=True)
class Spec:
    """The serialized form of a Keras object: its class and its arguments.

    A recipe stores optimizers, losses, layers and callbacks in this form, because an optimizer can
    only be used with one model but a recipe with many, and because reading a recipe then needs no
    Keras. `build` creates a new object.

    >>> from maskedface.recipes import Spec
    >>> Spec.named("keras.optimizers.Adam", learning_rate=0.1)
    Adam(learning_rate=0.1)

    Args:
        module: the module of the class, such as "keras.optimizers".
        class_name: the name of the class.
        config: the arguments, JSON values; missing ones have the class's defaults.
        registered_name: the name given by `keras.saving.register_keras_serializable`, or None.
    """

    module: str | None
    class_name: str
    config: Any = field(default_factory=dict)
    registered_name: str | None = None

    def __repr__(self) -> str:
        if not isinstance(self.config, dict):
            return self.class_name if self.class_name != "function" else str(self.config)
        words = ", ".join(f"{key}={_shown(value)}" for key, value in self.config.items())
        return f"{self.class_name}({words})"

    @staticmethod
    def named(path: str, **config: Any) -> Spec:
        """A class by its full name.

        Args:
            path: module and class, such as "maskedface.losses.CosineMargin".
            config: the arguments, with objects as `Spec`.
        """
        module, _, name = path.rpartition(".")
        registered = f"maskedface>{name}" if module.startswith("maskedface") else None
        return Spec(module, name, _plain(config), registered)

    @staticmethod
    def of(value: Any) -> Spec:
        """The data of an object.

        Args:
            value: a `Spec`; the result of `to_dict`; an object with `get_config`; or a Keras
                callback that stores its arguments as attributes of the same names.

        Returns:
            The data. Floats are the shortest ones that give the same float32.

        Raises:
            ValueError: if the value is none of these, or its class cannot be imported.
        """
        if isinstance(value, Spec):
            return value
        if isinstance(value, Mapping):
            return Spec._read(value)
        import keras

        if isinstance(value, keras.callbacks.Callback) and not hasattr(value, "get_config"):
            kind = type(value)
            found = Spec(_public_module(kind), kind.__name__, _arguments(value))
        else:
            try:
                whole = keras.saving.serialize_keras_object(value)
                found = Spec._read(_without_made_up_names(_rounded(whole)))
            except (AttributeError, TypeError, ValueError) as error:
                raise ValueError(
                    f"a recipe's part must be a Keras object with get_config. Received: {value!r}"
                ) from error
        found.build()  # what cannot be read back must not be written
        return found

    @staticmethod
    def _read(value: Mapping[str, Any]) -> Spec:
        if not {"class_name", "config"} <= set(value) <= _KEYS:
            raise ValueError(
                'a Keras object must be {"module": ..., "class_name": ..., "config": ..., '
                f'"registered_name": ...}}. Received: {dict(value)}'
            )
        words = [value.get("module"), value["class_name"], value.get("registered_name")]
        if not isinstance(words[1], str) or not all(
            isinstance(x, (str, type(None))) for x in words
        ):
            raise ValueError(f"a Keras object's module and names must be text. Received: {words}")
        return Spec(words[0], words[1], _plain(value["config"]), words[2])

    def to_dict(self) -> dict[str, Any]:
        """The form of `keras.saving.serialize_keras_object`: JSON values."""
        return {
            "module": self.module,
            "class_name": self.class_name,
            # A copy, as some of Keras' `from_config` change it.
            "config": copy.deepcopy(self.config),
            "registered_name": self.registered_name,
        }

    def build(self, **more: Any) -> Any:
        """Creates the object.

        Args:
            more: arguments that the recipe leaves open, such as the `num_classes` of a head.

        Returns:
            A new object.

        Raises:
            ValueError: if the class is not found, or rejects an argument.
        """
        import keras

        try:
            if self._is_callback():
                return self._class()(**copy.deepcopy(self.config), **more)
            self._import()
            config = self.to_dict()
            if more:
                config["config"] |= more
            return keras.saving.deserialize_keras_object(config)
        except (ImportError, AttributeError, TypeError, ValueError) as error:
            # The part after Keras' preamble.
            reason = str(error).rpartition("Exception encountered: ")[2]
            raise ValueError(
                f"{self.class_name} must be a class that can be imported, or one registered with "
                f"keras.saving.register_keras_serializable, and must accept its arguments. "
                f"Received: {self!r} of module {self.module!r} ({reason[:200]})"
            ) from error

    def has_class(self, *names: str) -> bool:
        """Whether its class has one of these names."""
        return self.class_name in names

    def other_class(self, path: str) -> Spec:
        """Another class, with those arguments of this one that it also has.

        Args:
            path: module and class, as for `named`.

        Raises:
            ValueError: if there is no such class.
        """
        new = Spec.named(path)
        words = inspect.signature(new._class()).parameters
        kept = {key: value for key, value in self.config.items() if key in words and key != "name"}
        return Spec.named(path, **kept)

    def _import(self) -> Any:
        """Imports the class's module, which registers the class. This is not needed for a class
        that is already registered, such as one defined in a notebook."""
        try:
            module = importlib.import_module(self.module or "keras")
            getattr(module, self.class_name, None)  # a package may import it when it is named
            return module
        except ImportError:
            import keras

            if keras.saving.get_registered_object(self.registered_name) is None:
                raise
            return None

    def _class(self) -> Any:
        module = self._import()
        found = getattr(module, self.class_name, None)
        if found is None and self.registered_name is not None:
            import keras

            found = keras.saving.get_registered_object(self.registered_name)
        if found is None:
            near = did_you_mean(self.class_name, classes_of(self.module or "keras"))
            raise ValueError(
                f"{self.module} must contain the class. Received: {self.class_name!r}{near}"
            )
        return found

    def _is_callback(self) -> bool:
        if self.module is None or self.registered_name is not None:
            return False
        import keras

        kind = getattr(importlib.import_module(self.module), self.class_name, None)
        is_class = isinstance(kind, type) and issubclass(kind, keras.callbacks.Callback)
        return is_class and not hasattr(kind, "from_config")

    def arguments(self, word: str) -> dict[str, Any]:
        """Arguments of the object, including defaults. They are taken from the signature of the
        class if it contains `word`, since creating an object would initialize TensorFlow or JAX
        before a run has configured them; else from the config of an object.

        Args:
            word: the argument that is looked up.
        """
        named = self._named()
        if word not in named and not self._is_callback():
            # An argument that the recipe fills in may be missing.
            with contextlib.suppress(ValueError):
                return dict(Spec.of(self.build()).config)
        return named

    def requires(self, word: str) -> bool:
        """Whether the class has a required argument of that name; None may be a valid value."""
        parameter = inspect.signature(self._class()).parameters.get(word)
        return parameter is not None and parameter.default is parameter.empty

    def _named(self) -> dict[str, Any]:
        words = inspect.signature(self._class()).parameters.values()
        config: dict[str, Any] = self.config
        found = {w.name: _plain(w.default) for w in words if w.kind is not w.VAR_KEYWORD}
        return {
            name: None if value is inspect.Parameter.empty else value
            for name, value in found.items()
        } | config


def classes_of(module: str) -> list[str]:
    """The names of a module's classes."""
    return [name for name in dir(importlib.import_module(module)) if name[0].isupper()]


def changed(node: Any, path: list[str], value: Any, where: str) -> Any:
    """A copy of a nested part of a recipe with one value changed.

    Args:
        node: a `Spec`, a list of them, or a value in a config.
        path: the remaining components of the dotted path.
        value: the new value.
        where: the preceding components, for messages.

    Returns:
        A new part.

    Raises:
        ValueError: if there is no such path, or the value has another type than the present one.
    """
    if not path:
        return _checked(node, value, where)
    word, *rest = path
    here = f"{where}.{word}"
    if isinstance(node, (list, tuple)):
        if not word.isdecimal() or int(word) >= len(node):
            raise ValueError(f"{here} must be a number below {len(node)}. Received: {word!r}")
        items = list(node)
        items[int(word)] = changed(items[int(word)], rest, value, here)
        return type(node)(items)
    if isinstance(node, Mapping) and {"class_name", "config"} <= set(node):
        return changed(Spec.of(node), path, value, where).to_dict()
    if isinstance(node, Spec):
        known = node.config if word in node.config else node.arguments(word)
        _check_word(word, known, where)
        new = changed(known[word], rest, value, here)
        if word not in node.config and new == known[word] and not node.requires(word):
            return node  # the default, stated explicitly: the same recipe
        return Spec(node.module, node.class_name, node.config | {word: new}, node.registered_name)
    if isinstance(node, Mapping):
        _check_word(word, node, where)
        return {**node, word: changed(node[word], rest, value, here)}
    raise ValueError(f"{where} must have nested values to set {here}. Received: {node!r}")


def value_at(node: Any, path: list[str]) -> Any:
    """The value at a dotted path of a part of a recipe; None if it is not set.

    Args:
        node, path: as for `changed`.
    """
    for word in path:
        if isinstance(node, Mapping) and {"class_name", "config"} <= set(node):
            node = node["config"]
        elif isinstance(node, Spec):
            node = node.config if word in node.config else node.arguments(word)
        if isinstance(node, (list, tuple)):
            node = node[int(word)] if word.isdecimal() and int(word) < len(node) else None
        else:
            node = node.get(word) if isinstance(node, Mapping) else None
    return node


def _check_word(word: str, known: Mapping[str, Any], where: str) -> None:
    if word not in known:
        raise ValueError(
            f"an argument of {where} must be one of {sorted(known)}. "
            f"Received: {word!r}{did_you_mean(word, known)}"
        )


def _checked(old: Any, new: Any, where: str) -> Any:
    """The new value, converted to the type of the old one."""
    new = _plain(new)
    if type(old) is float and type(new) is int:
        return float(new)
    is_object = isinstance(old, Mapping) and "class_name" in old
    if old is None or is_object or type(old) is type(new):
        return new
    if isinstance(old, (list, tuple)) and isinstance(new, (list, tuple)):
        return type(old)(new)
    if type(old) is int and type(new) is float and not isinstance(old, bool):
        return new  # Keras accepts either for many numbers
    if type(old) in (int, float) and isinstance(new, Mapping):
        return new  # a schedule in place of a rate
    raise ValueError(f"{where} must be {type(old).__name__}. Received: {where}={new!r}")


def _arguments(callback: Any) -> dict[str, Any]:
    """The arguments of a callback, which Keras does not serialize, from its attributes."""
    words = inspect.signature(type(callback)).parameters.values()
    named = [w for w in words if w.kind not in (w.VAR_KEYWORD, w.VAR_POSITIONAL)]
    missing = [w.name for w in named if not hasattr(callback, w.name)]
    required = [w.name for w in named if w.default is w.empty and w.name in missing]
    found = {w.name: getattr(callback, w.name) for w in named if w.name not in missing}
    required += [name for name, argument in found.items() if not _is_json(argument)]
    if required:
        raise ValueError(
            "a recipe's callback must have get_config, or store its arguments as attributes of "
            "the same names, as JSON values. "
            f"Received: {type(callback).__name__} without {required}"
        )
    return found


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def _public_module(kind: type) -> str:
    return "keras.callbacks" if kind.__module__.startswith("keras.") else kind.__module__


def _plain(value: Any) -> Any:
    """The value as it would be read back from a JSON file."""
    if isinstance(value, Spec):
        return _plain(value.to_dict())
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"a number in a recipe must be finite. Received: {value}")
    return value


def _without_made_up_names(value: Any) -> Any:
    """The config without names generated by Keras, such as "dense_7" or "adam_2", so that
    equivalent recipes are equal. The layers of a functional model keep theirs, to which its graph
    refers."""
    if isinstance(value, (list, tuple)):
        return [_without_made_up_names(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    config = value.get("config")
    if isinstance(config, Mapping) and "name" in config and "class_name" in value:
        from keras.src.utils.naming import to_snake_case

        base = to_snake_case(str(value["class_name"]))
        made_up = re.fullmatch(rf"{base}(_\d+)?", str(config["name"]))
        is_model = "layers" in config  # a model cannot be read back without a name
        kept = {key: item for key, item in config.items() if key != "name" or not made_up}
        kept |= {"name": base} if made_up and is_model else {}
        if "input_layers" in config:
            return {**value, "config": kept}
        value = {**value, "config": kept}
    return {key: _without_made_up_names(item) for key, item in value.items()}


def _rounded(value: Any) -> Any:
    """Shortens floats: Keras returns a float32 as 0.0010000000474974513 instead of 0.001."""
    import numpy as np

    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    if isinstance(value, float) and abs(value) < 3e38 and float(np.float32(value)) == value:
        return float(str(np.float32(value)))
    return value


def _shown(value: Any) -> str:
    if isinstance(value, Mapping) and {"class_name", "config"} <= set(value):
        return repr(Spec.of(value))
    return repr(value)
