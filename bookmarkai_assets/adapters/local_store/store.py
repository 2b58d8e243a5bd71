"""The implementation of the port: which paths are ours, what counts as stored, and what a conflict is."""

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NoReturn

from typing_extensions import override

from bookmarkai_assets.adapters.common.byte_count import ByteCount
from bookmarkai_assets.adapters.common.durable_files import (
    digest_of_descriptor,
    directory_lock,
    disk_errors,
    make_directories,
    publish,
    sync_directory,
    sync_file,
    temporary_beside,
)
from bookmarkai_assets.adapters.local_store.listing import destination_of_leftover, leftover_files, stored_files
from bookmarkai_assets.adapters.local_store.reader import open_reader
from bookmarkai_assets.adapters.local_store.sidecars import (
    Sidecar,
    default_sidecar,
    read_sidecar,
    sidecar_of,
    write_sidecar,
)
from bookmarkai_assets.adapters.local_store.transfers import (
    check_source,
    copy_in,
    copy_verified,
    describe,
    move_in,
    open_regular,
)
from bookmarkai_assets.core.errors import ObjectConflictError, ObjectNotFoundError, StoreError, StoreErrorClass
from bookmarkai_assets.core.media.key_safety import check_key
from bookmarkai_assets.core.media.media import Digest
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import (
    Leftover,
    LeftoverKind,
    ListedObject,
    MediaStore,
    StoredObject,
    ignore_bytes,
)
from bookmarkai_assets.core.media.tag_safety import check_tags


class LocalStore(MediaStore):
    """A directory tree as a media store. `root` is the setting `YTDLP_DOWNLOAD_DIR`. The first `put` makes it.

    Content type and tags are in a hidden file beside each stored one. Files with hidden names are never objects.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._is_interrupted = False

    @property
    @override
    def backend(self) -> Backend:
        return Backend.LOCAL

    @override
    def url_of(self, key: str) -> str:
        check_key(key)
        return str(self._root / key)

    @override
    def put(
        self,
        source: Path,
        key: str,
        *,
        expected: Digest,
        content_type: str,
        tags: Mapping[str, str],
        may_replace: bool,
        may_consume: bool,
        on_bytes: Callable[[int], object] = ignore_bytes,
    ) -> StoredObject:
        """Store `source` under `key`, by a rename if it may be consumed and is on the same file system.

        A put that finds its bytes stored already sets their content type and tags.
        """
        self._check_not_interrupted()
        check_tags(tags)
        target = self._path_of(self.url_of(key))
        sidecar = Sidecar(expected.sha256, expected.size_bytes, content_type, dict(tags))
        count = ByteCount(expected.size_bytes, on_bytes)
        with disk_errors(f"storing {target}"):
            found = self._digest_if_any(target)
            if found == expected:
                count.finish()
                return _confirm(target, sidecar)
            check_source(source, expected, before_block=self._check_not_interrupted)
            if found is not None and not may_replace:
                raise _conflict(target, expected, found)
            make_directories(target.parent)
            move_or_copy = move_in if may_consume else copy_in
            try:
                move_or_copy(
                    source,
                    target,
                    sidecar,
                    may_replace=found is not None,
                    before_block=self._check_not_interrupted,
                    on_bytes=count.add,
                )
            except FileExistsError:
                # Somebody stored under this name in between. Their file is left alone.
                found = self._digest_if_any(target)
                if found != expected:
                    raise _conflict(target, expected, found) from None
                count.finish()
                return _confirm(target, sidecar)
            count.finish()
            return _stored_object(target, sidecar, target.stat())

    @override
    def get(
        self, url: str, destination: Path, *, expected: Digest, on_bytes: Callable[[int], object] = ignore_bytes
    ) -> None:
        self._check_not_interrupted()
        path = self._path_of(url)
        with disk_errors(f"fetching {path} to {destination}"):
            source = _open_or_raise(path)
            try:
                make_directories(destination.absolute().parent)
                with temporary_beside(destination) as temporary:
                    copy_verified(
                        source,
                        temporary.descriptor,
                        expected,
                        path,
                        before_block=self._check_not_interrupted,
                        on_bytes=ByteCount(expected.size_bytes, on_bytes).add,
                    )
                    publish(temporary.path, destination, replace=True)
            finally:
                os.close(source)

    @override
    def open(self, url: str, *, offset: int = 0, size_bytes: int | None = None) -> BinaryIO:
        """Open the file for reading forward, as the port describes.

        A read of the whole file is checked against its sidecar, if it has one. A reader closes itself after a failed
        read.
        """
        self._check_not_interrupted()
        path = self._path_of(url)
        with disk_errors(f"reading {path}"):
            sidecar = read_sidecar(sidecar_of(path))
            return open_reader(
                _open_or_raise(path),
                path,
                offset=offset,
                size_bytes=size_bytes,
                recorded=sidecar.digest if sidecar is not None else None,
                before_block=self._check_not_interrupted,
            )

    @override
    def head(self, url: str) -> StoredObject:
        """Return what is stored at `url`. Reads the whole file for its SHA-256, which takes about a second per GB.

        Content type and tags come from the sidecar, if it describes exactly these bytes. Otherwise the extension gives
        the content type, and there are no tags.
        """
        path = self._path_of(url)
        with disk_errors(f"reading {path}"):
            descriptor = _open_or_raise(path)
            try:
                digest = digest_of_descriptor(descriptor)
                status = os.fstat(descriptor)
            finally:
                os.close(descriptor)
            sidecar = read_sidecar(sidecar_of(path))
        if sidecar is None or sidecar.digest != digest:
            sidecar = default_sidecar(path, digest)
        return _stored_object(path, sidecar, status)

    @override
    def list(self, prefix: str = "") -> Iterator[ListedObject]:
        """List the files whose key begins with `prefix`. None if the root was never made.

        Symbolic links, hidden names and names that could not be in a key are left out.
        """
        for found in stored_files(self._root, prefix):
            yield ListedObject(found.key, str(found.path), found.size_bytes, _moment(found.modified_seconds))

    @override
    def delete(self, url: str) -> None:
        path = self._path_of(url)
        with disk_errors(f"removing {path}"):
            try:
                with directory_lock(path.parent):
                    path.unlink(missing_ok=True)
                    sidecar_of(path).unlink(missing_ok=True)
                    sync_directory(path.parent)
            except (FileNotFoundError, NotADirectoryError):
                return

    @override
    def presign(self, url: str, *, expires_seconds: int) -> NoReturn:
        """Raise `StoreError` (configuration), because a file has no links."""
        path = self._path_of(url)
        raise StoreError(
            StoreErrorClass.CONFIGURATION,
            f"expected an object in a bucket to make a link to, found a local file, which has no links; read {path}, "
            "or move the media to S3 first",
        )

    @override
    def leftovers(self, prefix: str = "", *, begun_before: datetime) -> Sequence[Leftover]:
        """List the temporary files, and the sidecars without their file, that were last written before that moment.

        Staging is not searched, because it does not belong to this store.
        """
        found = [
            Leftover(LeftoverKind.TEMPORARY_FILE, str(file.path), _moment(file.modified_seconds), file.size_bytes)
            for file in leftover_files(self._root, prefix)
        ]
        return [leftover for leftover in found if leftover.begun_at < begun_before]

    @override
    def remove_leftover(self, leftover: Leftover) -> None:
        """Remove one of `leftovers`. Anything else raises `StoreError` (configuration), and is not removed."""
        directory_name, _, name = leftover.name.rpartition(os.sep)
        is_at_root = directory_name == str(self._root)
        directory = self._root if is_at_root else self._path_of(directory_name)
        path = directory / name
        with disk_errors(f"removing {path}"):
            try:
                with directory_lock(directory):
                    is_regular = stat.S_ISREG(path.lstat().st_mode)
                    if not is_regular or destination_of_leftover(path) is None:
                        raise StoreError(
                            StoreErrorClass.CONFIGURATION,
                            f"expected what a killed transfer left, found {path}, which is something else or in use "
                            "again; nothing was removed",
                        )
                    path.unlink()
                    sync_directory(directory)
            except (FileNotFoundError, NotADirectoryError):
                return

    @override
    def interrupt(self) -> None:
        """End the transfers of all threads after their current block. May be called from a signal handler."""
        self._is_interrupted = True

    def _check_not_interrupted(self) -> None:
        if self._is_interrupted:
            raise StoreError(
                StoreErrorClass.INTERRUPTED,
                "the transfer was given up, because this process was told to stop; it can be repeated",
            )

    def _digest_if_any(self, path: Path) -> Digest | None:
        descriptor = open_regular(path)
        if descriptor is None:
            return None
        try:
            return digest_of_descriptor(descriptor, before_block=self._check_not_interrupted)
        finally:
            os.close(descriptor)

    def _path_of(self, url: str) -> Path:
        """Return the path of a URL. Raises `StoreError` (configuration) if it is not a valid one below the root."""
        prefix = f"{self._root}{os.sep}"
        if not url.startswith(prefix):
            raise StoreError(
                StoreErrorClass.CONFIGURATION,
                f"expected a file below {self._root}, found {url[:500]!r}; if the media directory was moved, "
                "set YTDLP_DOWNLOAD_DIR to where the recorded files are",
            )
        key = url.removeprefix(prefix)
        check_key(key)
        real = os.path.realpath(url)
        # Links within the root are refused too. One file would have two keys, and deleting one would lose the other.
        if real != f"{os.path.realpath(self._root)}{os.sep}{key}":
            raise StoreError(
                StoreErrorClass.CONFIGURATION,
                f"expected {url} to lie below {self._root}, found a symbolic link to {real}; remove the link",
            )
        return Path(url)


def _confirm(target: Path, sidecar: Sidecar) -> StoredObject:
    """Finish an earlier put, which may have been killed after the rename and before the sync."""
    sync_file(target)
    with directory_lock(target.parent):
        write_sidecar(sidecar_of(target), sidecar)
        sync_directory(target.parent)
    return _stored_object(target, sidecar, target.stat())


def _stored_object(path: Path, sidecar: Sidecar, status: os.stat_result) -> StoredObject:
    return StoredObject(
        str(path), sidecar.digest, sidecar.content_type, modified_at=_moment(status.st_mtime), tags=sidecar.tags
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _open_or_raise(path: Path) -> int:
    descriptor = open_regular(path)
    if descriptor is None:
        raise ObjectNotFoundError(f"expected a file at {path}, found none")
    return descriptor


def _conflict(target: Path, expected: Digest, found: Digest | None) -> ObjectConflictError:
    return ObjectConflictError(
        f"expected {target} to be free or to hold {describe(expected)}, found "
        f"{describe(found) if found else 'a file that is gone again'}, which the catalog acknowledges; nothing was "
        "overwritten: find out which media that file belongs to"
    )
