//! What stat(2) says of a node: nothing that depends on who asks, so that the kernel need not ask again.

use std::time::SystemTime;

use fuser::{FileAttr, FileType, INodeNo};
use lxcfs_core::EntryKind;

use crate::tree::Node;

/// The attributes of a node. `takes_triggers`: it can be written; `since`: the time that all files have.
pub(crate) fn of(node: Node, takes_triggers: bool, since: SystemTime) -> FileAttr {
    let is_directory = node.kind == EntryKind::Directory;
    let perm = match node.kind {
        EntryKind::Directory => 0o555,
        EntryKind::Symlink => 0o777,
        // As the host has it: what objects its kernel has is root's business.
        EntryKind::File if node.row.is_some_and(|row| row.path == "proc/slabinfo") => 0o400,
        // As the kernel has it: everybody may set a trigger.
        EntryKind::File if takes_triggers => 0o666,
        EntryKind::File | EntryKind::PrivateFile => 0o444,
    };
    // That of a page, as files of sysfs have it. With 0, as in procfs, sendfile(2) and splice(2) would end at once and
    // say that the file is empty; so they ask, are refused (see `Filesystem::read`), and their callers read.
    let has_size = node.kind == EntryKind::File;
    FileAttr {
        ino: INodeNo(node.ino),
        size: if has_size { 4096 } else { 0 },
        blocks: 0,
        atime: since,
        mtime: since,
        ctime: since,
        crtime: since,
        kind: file_type(node.kind),
        perm,
        nlink: if is_directory { 2 } else { 1 },
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}

pub(crate) fn file_type(kind: EntryKind) -> FileType {
    match kind {
        EntryKind::Directory => FileType::Directory,
        EntryKind::Symlink => FileType::Symlink,
        EntryKind::File | EntryKind::PrivateFile => FileType::RegularFile,
    }
}
