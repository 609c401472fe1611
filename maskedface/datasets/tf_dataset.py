"""A `FaceIndex` as a `tf.data.Dataset`."""

from __future__ import annotations

import functools
import itertools
import os
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from maskedface.checks import check_least
from maskedface.datasets import order
from maskedface.datasets.augmentation import Augmentation
from maskedface.datasets.epoch_plan import EpochPlan
from maskedface.datasets.face_cache import StreamedFaces, cached_faces
from maskedface.datasets.face_index import FaceIndex

Cache = Literal["auto", "memory"] | str | os.PathLike[str] | np.ndarray | None


def as_tf_dataset(
    index: FaceIndex,
    *,
    image_size: int = 180,
    alignment: str = "vggface2",
    batch_size: int = 32,
    sampling: order.Sampling | None = None,
    shuffle: bool = False,
    augmentation: Sequence[keras.layers.Layer] = (),
    with_domains: bool = False,
    seed: int = 0,
    initial_epoch: int = 0,
    classes: Sequence[str] | None = None,
    cache: Cache = None,
    progress: bool = False,
) -> tf.data.Dataset:
    """Reads, aligns, shuffles, augments and batches the faces of an index.

    Reading the data set once is one epoch, reading it again the next one: order and augmentation are
    functions of (seed, epoch, element), so the same arguments give the same batches in the same turn,
    always. An epoch begins when its first batch is asked for, whether it is read to its end
    or not. `model.fit(batches, epochs=20, shuffle=False)` needs nothing else, as it is shuffled already; a
    run that goes on names the epoch it goes on with, here and in `fit` (`initial_epoch`).

    >>> from maskedface import datasets, synthetic
    >>> train = synthetic.draw_people("drawn", people=2, photos=2, size=32)
    >>> batches = datasets.as_tf_dataset(train, image_size=64, batch_size=4, shuffle=True)
    >>> images, labels = next(iter(batches))
    >>> images.shape, labels.shape
    (TensorShape([4, 64, 64, 3]), TensorShape([4]))

    Faces in memory are let go of with the data set.

    Args:
        index: N rows.
        image_size: int, height and width of the images in pixels.
        alignment: the alignment the model wants, a key of `geometry.ALIGNMENTS`
            (`models.alignment_of(backbone)`). A row is warped to it by its landmarks, else by the
            alignment that it states; else its whole image is resized.
        batch_size: int >= 1; an epoch's last batch may be smaller.
        shuffle: short for sampling="shuffled".
        sampling: "in_order", as the rows stand (the default); "shuffled", each epoch in an order of
            its own; "balanced", each person equally often (a row that comes up again in an epoch is
            changed anew); "grouped", each row once, up to four of one person
            next to each other.
        augmentation: layers that change the images as graph operations, on all cores
            (`layers.RandomMask`, `layers.RandomFaceJitter`, `keras.layers.RandomFlip("horizontal")`, any
            other of Keras' or yours), in this order. What is drawn is a function of (seed, epoch,
            element); of layers that draw for themselves of (seed, epoch, batch), on one core.
        with_domains: whether labels have the domain beside them (`with_domain`), for the losses that
            ask for it; Keras' own accuracy reads them too.
        seed: int >= 0.
        initial_epoch: int >= 0, the number of the first epoch that is read.
        classes: the people in label order; by default the index's own.
        cache: "memory" or a folder decodes each file once and keeps it as uint8
            (`datasets.read_aligned_faces`, whose array may be given itself); None decodes in each epoch and
            holds only a few batches; "auto" takes the first of memory, a mapped file and None for which the
            machine has room (`datasets.face_cache`).
        progress: whether filling the cache draws a progress bar.

    Returns:
        A data set of one epoch's (images, labels): uint8, shape (batch, image_size, image_size, 3),
        RGB, 0-255; int32, shape (batch,), or with domains (batch, people + 1).

    Raises:
        ValueError: if the index is empty, a number is out of range, a person is in no class, or a
            given array is not the index's at this size.
        ImageError: if a file cannot be decoded; without a cache TensorFlow wraps it, when the file
            is reached, in an error that names the file.
    """
    check_least(image_size=(image_size, 1), batch_size=(batch_size, 1), rows=(len(index), 1))
    check_least(seed=(seed, 0), initial_epoch=(initial_epoch, 0))
    wanted = (len(index), image_size, image_size, 3)
    if isinstance(cache, np.ndarray) and cache.shape != wanted:
        raise ValueError(f"cache must be an array of shape {wanted}. Received: shape {cache.shape}")
    people = len(index.people if classes is None else classes)
    plan = EpochPlan(
        index.labels(classes),
        index.masked,
        Augmentation(augmentation, seed=seed, alignment=alignment, size=image_size),
        sampling or ("shuffled" if shuffle else "in_order"),
        with_domains,
        people,
    )
    if isinstance(cache, np.ndarray):
        faces: np.ndarray | StreamedFaces = cache
    elif cache is None:
        faces = StreamedFaces(index, image_size, alignment)
    else:
        faces = cached_faces(
            index, size=image_size, alignment=alignment, cache=cache, progress=progress
        )
    return dataset_of(plan, faces, batch_size, initial_epoch)


def dataset_of(
    plan: EpochPlan, chips: np.ndarray | StreamedFaces, batch_size: int, initial_epoch: int
) -> tf.data.Dataset:
    """The data set of a plan that is there already, as `as_tf_dataset` makes it.

    Args:
        plan: what each epoch shows.
        chips: uint8 array, shape (rows, size, size, 3), the faces; or `StreamedFaces`.
        batch_size: int >= 1.
        initial_epoch: int >= 0.
    """
    read = chips.read if isinstance(chips, StreamedFaces) else functools.partial(_copy, chips)
    return _dataset(plan, read, chips.shape, batch_size, initial_epoch)


def _dataset(
    plan: EpochPlan,
    read: Callable[[np.ndarray, np.ndarray], None],
    shape: tuple[int, ...],
    batch_size: int,
    initial_epoch: int,
) -> tf.data.Dataset:
    steps = -(-shape[0] // batch_size)
    numbers = itertools.count(initial_epoch)
    elements_of = functools.lru_cache(2)(plan.elements)  # two may be read at the same time
    augmentation = plan.augmentation

    def next_epoch(_: np.ndarray) -> np.ndarray:
        return np.arange(steps) + next(numbers) * steps

    def batch(step: np.ndarray) -> tuple[np.ndarray, ...]:
        epoch, number = divmod(int(step), steps)
        elements = elements_of(epoch)[number * batch_size : (number + 1) * batch_size]
        images = _empty((len(elements), *shape[1:]))
        read(plan.rows(elements), images)
        draws = plan.draws(elements, epoch)
        seed = augmentation.batch_seed(epoch, number)
        return images, plan.targets(elements, draws), draws, seed

    def begin(turn: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(_numpy_call(next_epoch, turn, tf.int64), [steps])

    def load(step: tf.Tensor) -> tuple[tf.Tensor, ...]:
        types = (tf.uint8, tf.int32, tf.float32, tf.uint32)
        labels = [None, (plan.classes or 0) + 1] if plan.with_domains else [None]
        shapes = ([None, *shape[1:]], labels, [None, augmentation.num_draws], [2])
        return tuple(map(tf.ensure_shape, _numpy_call(batch, step, types), shapes))

    def augment(
        images: tf.Tensor, labels: tf.Tensor, draws: tf.Tensor, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        return augmentation.apply(images, draws, seed), labels

    # As many calls as processors: AUTOTUNE tries other numbers first, at the interpreter's lock.
    calls = os.cpu_count() or 1
    dataset = tf.data.Dataset.range(1).map(begin).unbatch()
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(steps))
    dataset = dataset.map(load, num_parallel_calls=calls)
    dataset = dataset.map(augment, num_parallel_calls=calls if augmentation.draws_all else 1)
    return dataset.prefetch(2)


def _numpy_call(function: Callable[[np.ndarray], Any], tensor: tf.Tensor, types: Any) -> Any:
    """`tf.numpy_function` that lets go of the function with the graph that calls it.

    TensorFlow's own keeps each function, and so all arrays behind it, until the process ends
    (`script_ops._internal_py_func`). Here it gets a weak reference, and the graph of the caller, which a
    data set holds, has the strong one.
    """
    graph = tf.compat.v1.get_default_graph()
    graph._maskedface_functions = (*getattr(graph, "_maskedface_functions", ()), function)
    known = weakref.ref(function)

    def call(array: np.ndarray) -> Any:
        found = known()
        if found is None:
            raise RuntimeError("a data set must be there for as long as it is read")
        return found(array)

    return tf.numpy_function(call, [tensor], types)


def _empty(shape: tuple[int, ...]) -> np.ndarray:
    """An array that TensorFlow takes over as it is; others, at an address not divisible by 64
    (Eigen's widest alignment), it copies."""
    count = int(np.prod(shape))
    memory = np.empty(count + 63, "uint8")
    start = -memory.ctypes.data % 64
    return memory[start : start + count].reshape(shape)


def _copy(chips: np.ndarray, rows: np.ndarray, images: np.ndarray) -> None:
    np.take(chips, rows, axis=0, out=images, mode="clip")  # "raise" would buffer
