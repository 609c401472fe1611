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

    Each iteration over the data set is one epoch. Order and augmentation are functions of
    (seed, epoch, element), so equal arguments always give equal batches. An epoch counts as soon as
    its first batch is requested, even if it is not read to its end. Since the data set is already
    shuffled, pass it to `model.fit(batches, epochs=20, shuffle=False)`. To resume a run, pass its
    next epoch as `initial_epoch`, both here and to `fit`.

    >>> from maskedface import datasets, synthetic
    >>> train = synthetic.draw_people("drawn", people=2, photos=2, size=32)
    >>> batches = datasets.as_tf_dataset(train, image_size=64, batch_size=4, shuffle=True)
    >>> images, labels = next(iter(batches))
    >>> images.shape, labels.shape
    (TensorShape([4, 64, 64, 3]), TensorShape([4]))

    Faces cached in memory are freed together with the data set.

    Args:
        index: N rows.
        image_size: int, height and width of the images in pixels.
        alignment: the alignment the model expects, a key of `geometry.ALIGNMENTS`
            (`models.alignment_of(backbone)`). A row is warped to it by its landmarks if it has any,
            else by its stated alignment; if neither is known, the whole image is resized.
        batch_size: int >= 1; an epoch's last batch may be smaller.
        shuffle: shorthand for sampling="shuffled".
        sampling: "in_order", the order of the rows (the default); "shuffled", a new random order in
            each epoch; "balanced", each person equally often (a row that is repeated within an
            epoch is augmented differently each time); "grouped", each row once, in runs of up to
            four of the same person.
        augmentation: layers that augment the images (`layers.RandomMask`,
            `layers.RandomFaceJitter`, `keras.layers.RandomFlip("horizontal")`, or any other Keras
            layer), in this order, as graph operations on all cores. Their random numbers are a
            function of (seed, epoch, element); layers that draw their own are seeded by (seed,
            epoch, batch) and run on one core.
        with_domains: whether labels have a domain column (`with_domain`), for losses that need it;
            Keras' own accuracy works with them too.
        seed: int >= 0.
        initial_epoch: int >= 0, the number of the first epoch.
        classes: the people in label order; by default the index's own.
        cache: "memory" or a folder decodes each file once and keeps it as uint8
            (`datasets.read_aligned_faces`, whose result can also be passed directly); None decodes
            again in each epoch and keeps only a few batches in memory; "auto" uses the first of
            memory, a memory-mapped file and None for which the machine has room
            (`datasets.face_cache`).
        progress: whether to show a progress bar while filling the cache.

    Returns:
        A data set of one epoch's (images, labels): uint8, shape (batch, image_size, image_size, 3),
        RGB, 0-255; int32, shape (batch,), or with domains (batch, people + 1).

    Raises:
        ValueError: if the index is empty, a number is out of range, a person is not in `classes`,
            or an array passed as `cache` does not match the index and image size.
        ImageError: if a file cannot be decoded. Without a cache, TensorFlow wraps it in an error
            that names the file, raised when the file is read.
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
    """The data set of an existing plan; see `as_tf_dataset`.

    Args:
        plan: the order, augmentation and labels of each epoch.
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

    # One call per processor: AUTOTUNE tries other numbers first, while it waits for Python's lock.
    calls = os.cpu_count() or 1
    dataset = tf.data.Dataset.range(1).map(begin).unbatch()
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(steps))
    dataset = dataset.map(load, num_parallel_calls=calls)
    dataset = dataset.map(augment, num_parallel_calls=calls if augmentation.draws_all else 1)
    return dataset.prefetch(2)


def _numpy_call(function: Callable[[np.ndarray], Any], tensor: tf.Tensor, types: Any) -> Any:
    """`tf.numpy_function` that frees the function together with the calling graph.

    TensorFlow's own keeps each function, and thus all arrays it refers to, until the process ends
    (`script_ops._internal_py_func`). Here it gets a weak reference; the strong one belongs to the
    caller's graph, which the data set owns.
    """
    graph = tf.compat.v1.get_default_graph()
    graph._maskedface_functions = (*getattr(graph, "_maskedface_functions", ()), function)
    known = weakref.ref(function)

    def call(array: np.ndarray) -> Any:
        found = known()
        if found is None:
            raise RuntimeError("a data set must stay alive while it is being read")
        return found(array)

    return tf.numpy_function(call, [tensor], types)


def _empty(shape: tuple[int, ...]) -> np.ndarray:
    """An array that TensorFlow uses without a copy: its address is divisible by 64, Eigen's widest
    alignment."""
    count = int(np.prod(shape))
    memory = np.empty(count + 63, "uint8")
    start = -memory.ctypes.data % 64
    return memory[start : start + count].reshape(shape)


def _copy(chips: np.ndarray, rows: np.ndarray, images: np.ndarray) -> None:
    np.take(chips, rows, axis=0, out=images, mode="clip")  # "raise" would buffer
