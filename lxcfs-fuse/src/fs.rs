//! The file system that the kernel talks to: look up, ask, reply. It decides nothing.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, InitFlags,
    KernelConfig, LockOwner, OpenAccMode, OpenFlags, PollEvents, PollFlags, PollNotifier, ReplyAttr, ReplyData,
    ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyPoll, ReplyWrite, Request, TimeOrNow, WriteFlags,
};
use lxcfs_core::{Entry as DirectoryEntry, Pid, VirtualFile};

use crate::attributes::{self, file_type};
use crate::entry::Entry;
use crate::failure::Failure;
use crate::handles::{Handles, piece};
use crate::psi::{self, Privilege, Triggers, Wake};
use crate::serve::{Caller, Server};
use crate::session::Polls;
use crate::store::Store;
use crate::texts::Texts;
use crate::tree::{Children, Node, Tree};
use crate::waiting::{Answer, Waiting};
use crate::watchdog::Watchdog;

/// What never changes is never asked for again.
const FOR_EVER: Duration = Duration::from_secs(1 << 32);

/// Whose request was worked at, if that is known, and for how long.
struct Whose {
    entry: Option<Arc<Entry>>,
    taken: Duration,
}

/// The file system.
#[derive(Debug)]
pub(crate) struct Lxcfs {
    tree: Tree,
    server: Arc<Server>,
    texts: Texts,
    listings: Handles<Arc<[DirectoryEntry]>>,
    /// Of pressure files. Without, these are as read-only as all others.
    triggers: Option<Triggers>,
    /// Who waits for these.
    polls: Option<Polls>,
    /// Gives handles away.
    store: Arc<Store>,
    watchdog: Watchdog<Waiting>,
    /// The time of all files: when this was mounted.
    since: SystemTime,
}

impl Lxcfs {
    /// `since`: when it was mounted.
    pub(crate) fn new(
        server: Arc<Server>,
        watchdog: Watchdog<Waiting>,
        tree: Tree,
        (triggers, polls): (Option<Triggers>, Option<Polls>),
        store: Arc<Store>,
        since: SystemTime,
    ) -> Self {
        Self {
            tree,
            server,
            texts: Texts::of(&store),
            listings: Handles::new(),
            store,
            triggers,
            polls,
            watchdog,
            since,
        }
    }

    fn attributes(&self, node: Node) -> FileAttr {
        attributes::of(node, self.triggers(node.ino).is_some(), self.since)
    }

    /// Works at a request that may wait for the kernel; `None` if it has been answered meanwhile.
    fn watched<R: Answer, T>(
        &self,
        caller: Pid,
        reply: R,
        work: impl FnOnce(Caller<'_>) -> Result<T, Denied>,
    ) -> Option<(R, Result<T, Errno>, Whose)> {
        let (mut waiting, taken, done) = match self.watchdog.begin(reply.wait()) {
            Ok(ticket) => {
                let is_met = |entry: &Arc<Entry>| ticket.add(|waiting| waiting.entry = Some(Arc::clone(entry)));
                let is_met = &is_met;
                let done = work(Caller { pid: caller, is_met });
                let (waiting, taken) = ticket.finish()?;
                (waiting, taken, done)
            }
            Err(unwatched) => (unwatched, Duration::ZERO, work(Caller::unheeded(caller))),
        };
        let whose = Whose {
            entry: waiting.entry.take(),
            taken,
        };
        if let Err(Denied::Failure(failure)) = &done {
            self.server.has_failed(whose.entry.as_deref(), failure);
        }
        Some((R::found(waiting)?, done.map_err(Denied::errno), whose))
    }

    /// The entry of that name in a directory: all that the host has. The kernel keeps names for all containers together,
    /// and one that is gone for one of them would take with it what others have mounted there. What a container does not
    /// see is in none of its listings and cannot be read.
    fn entry(&self, parent: u64, name: &OsStr) -> Result<Node, Denied> {
        let name = std::str::from_utf8(name.as_bytes()).map_err(|_| Errno::ENOENT)?;
        match self.tree.children(parent).ok_or(Errno::ENOENT)? {
            Children::Fixed(children) => {
                let child = children.iter().find(|(child, _)| *child == name);
                Ok(child.map(|(_, node)| *node).ok_or(Errno::ENOENT)?)
            }
            Children::Asked(directory) => match self.tree.child(&directory, name) {
                Ok(node) => Ok(node),
                Err(child) => {
                    let kind = self.server.kind_on_host(child.place())?;
                    Ok(self.tree.number(&child, kind).ok_or(Errno::ENOENT)?)
                }
            },
        }
    }

    /// The text that is read, and of which row if it is one that begins with this read.
    fn text(
        &self,
        caller: Caller<'_>,
        ino: u64,
        handle: u64,
        offset: u64,
    ) -> Result<(Bytes, Option<&'static VirtualFile>), Denied> {
        // A sequence of reads goes on with what it began with.
        if offset > 0
            && let Some(text) = self.texts.goes_on(handle, offset)
        {
            return Ok((text, None));
        }
        let asked = self.tree.asked(ino).ok_or(Errno::EISDIR)?;
        let place = asked.place();
        Ok((self.server.text(caller, place)?, Some(place.file)))
    }

    /// The triggers, if that is a file that takes some.
    fn triggers(&self, ino: u64) -> Option<&Triggers> {
        let triggers = self.triggers.as_ref()?;
        let row = self.tree.node(ino)?.row?;
        row.path.starts_with("proc/pressure/").then_some(triggers)
    }

    fn set_trigger(&self, caller: Caller<'_>, ino: u64, handle: u64, text: &[u8]) -> Result<(), Denied> {
        let triggers = self.triggers(ino).ok_or(Errno::EINVAL)?;
        let asked = self.tree.asked(ino).ok_or(Errno::EINVAL)?;
        let path = self.server.pressure_file(caller, asked.place())?;
        triggers
            .set(handle, &path, text, Privilege::of_caller(caller.pid))
            .map_err(|error| Errno::from(io::Error::from(error)).into())
    }

    /// What is in a directory, with `.` and `..`.
    fn listing(&self, caller: Caller<'_>, ino: u64, handle: u64, offset: u64) -> Result<Vec<Listed>, Denied> {
        let listed = |node: Node, name: &str| (node.ino, file_type(node.kind), name.to_owned());
        let mut all = vec![
            (ino, FileType::Directory, ".".to_owned()),
            (self.tree.parent(ino), FileType::Directory, "..".to_owned()),
        ];
        match self.tree.children(ino).ok_or(Errno::ENOTDIR)? {
            Children::Fixed(children) => all.extend(children.iter().map(|(name, node)| listed(*node, name))),
            Children::Asked(directory) => {
                // A sequence of reads goes on with what it began with.
                let begun = self.listings.get(handle).filter(|_| offset > 0);
                let entries = match begun {
                    Some(entries) => entries,
                    None => {
                        let entries: Arc<[DirectoryEntry]> = self.server.list(caller, directory.place())?.into();
                        self.listings.put(handle, Arc::clone(&entries));
                        entries
                    }
                };
                all.extend(entries.iter().filter_map(|entry| {
                    let node = match self.tree.child(&directory, &entry.name) {
                        Ok(node) => node,
                        Err(child) => self.tree.number(&child, entry.kind)?,
                    };
                    Some(listed(node, &entry.name))
                }));
            }
        }
        Ok(all)
    }
}

/// A number, a kind and a name.
type Listed = (u64, FileType, String);

/// `flush` stays as it is: it says that there is no such thing, and the kernel does not ask again. So does everything
/// that would change something.
impl Filesystem for Lxcfs {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        agree(config);
        Ok(())
    }

    fn lookup(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let find = |_: Caller<'_>| self.entry(parent.0, name);
        let Some((reply, found, _)) = self.watched(request.pid(), reply, find) else {
            return;
        };
        match found {
            Ok(node) => reply.entry(&FOR_EVER, &self.attributes(node), Generation(0)),
            Err(error) => reply.error(error),
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.tree.node(ino.0) {
            Some(node) => reply.attr(&FOR_EVER, &self.attributes(node)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn readlink(&self, request: &Request, ino: INodeNo, reply: ReplyData) {
        let Some(asked) = self.tree.asked(ino.0) else {
            return reply.error(Errno::EINVAL);
        };
        let read = |caller: Caller<'_>| Ok(self.server.read_link(caller, asked.place())?);
        match self.watched(request.pid(), reply, read) {
            Some((reply, Ok(target), _)) => reply.data(target.as_os_str().as_bytes()),
            Some((reply, Err(error), _)) => reply.error(error),
            None => {}
        }
    }

    fn open(&self, _: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        if flags.acc_mode() == OpenAccMode::O_RDONLY || self.triggers(ino.0).is_some() {
            // The page cache belongs to the inode, which all containers share. Who closes a file, or begins another program
            // and closes it thereby, does not wait for us.
            let flags = FopenFlags::FOPEN_DIRECT_IO | FopenFlags::FOPEN_NOFLUSH;
            reply.opened(FileHandle(self.store.next()), flags);
        } else {
            reply.error(Errno::EACCES);
        }
    }

    fn read(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        reader: Option<LockOwner>,
        reply: ReplyData,
    ) {
        // Of sendfile(2), splice(2) and private mappings, into the page cache, which belongs to all containers. Nobody in
        // particular reads then. Who gets this error reads instead, as with other files that have no pages.
        if reader.is_none() {
            return reply.error(Errno::EINVAL);
        }
        let read = |caller: Caller<'_>| self.text(caller, ino.0, handle.0, offset);
        match self.watched(request.pid(), reply, read) {
            Some((reply, Ok((text, begins)), whose)) => {
                // Not before it is known that this is the answer: who was too late must not take the place of the text that
                // a later read has begun with.
                if let Some(row) = begins {
                    self.texts.begins(handle.0, &text, offset, size);
                    if let Some(entry) = &whose.entry {
                        self.server.has_shown(entry, row, whose.taken);
                    }
                }
                reply.data(piece(&text, offset, size));
            }
            Some((reply, Err(error), _)) => reply.error(error),
            None => {}
        }
    }

    /// Sets a trigger. As for the kernel's own files, the offset does not matter.
    fn write(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        _: u64,
        text: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let mut is_set = false;
        let set = |caller: Caller<'_>| {
            let result = self.set_trigger(caller, ino.0, handle.0, text);
            is_set = result.is_ok();
            result
        };
        match self.watched(request.pid(), reply, set) {
            Some((reply, Ok(()), _)) => reply.written(u32::try_from(text.len()).unwrap_or(u32::MAX)),
            Some((reply, Err(error), _)) => reply.error(error),
            // The caller was told that it failed, and may have closed the file since.
            None => {
                if let Some(triggers) = self.triggers(ino.0).filter(|_| is_set) {
                    triggers.release(handle.0);
                }
            }
        }
    }

    /// A file that takes triggers has nothing to cut off, and a shell that writes to it begins with that.
    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        atime: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let cuts = size.is_some() && (mode, uid, gid) == (None, None, None) && atime.is_none() && mtime.is_none();
        match self.tree.node(ino.0) {
            Some(node) if cuts && self.triggers(ino.0).is_some() => reply.attr(&FOR_EVER, &self.attributes(node)),
            _ => reply.error(Errno::EPERM),
        }
    }

    /// Where nothing can be waited for, there is no such thing: the kernel takes all files for ready and does not ask again.
    fn poll(
        &self,
        _: &Request,
        ino: INodeNo,
        handle: FileHandle,
        notifier: PollNotifier,
        _: PollEvents,
        flags: PollFlags,
        reply: ReplyPoll,
    ) {
        if self.triggers.is_none() {
            return reply.error(Errno::ENOSYS);
        }
        let Some(triggers) = self.triggers(ino.0) else {
            return reply.poll(psi::ALWAYS);
        };
        let waits = flags.contains(PollFlags::FUSE_POLL_SCHEDULE_NOTIFY);
        if let Some(polls) = self.polls.as_ref().filter(|_| waits) {
            polls.waits(handle.0, notifier.handle().0);
        }
        let wake = waits.then(|| -> Wake {
            Box::new(move || {
                // Fails when the file system is unmounted, which wakes everybody.
                let _ = notifier.notify();
            })
        });
        reply.poll(triggers.poll(handle.0, wake));
    }

    fn release(
        &self,
        _: &Request,
        ino: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        self.texts.close(handle.0);
        if let Some(triggers) = self.triggers(ino.0) {
            triggers.release(handle.0);
        }
        if let Some(polls) = &self.polls {
            polls.closed(handle.0);
        }
        reply.ok();
    }

    fn opendir(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(self.store.next()), FopenFlags::empty());
    }

    fn readdir(&self, request: &Request, ino: INodeNo, handle: FileHandle, offset: u64, reply: ReplyDirectory) {
        let list = |caller: Caller<'_>| self.listing(caller, ino.0, handle.0, offset);
        let Some((mut reply, listing, _)) = self.watched(request.pid(), reply, list) else {
            return self.listings.close(handle.0);
        };
        let listing = match listing {
            Ok(listing) => listing,
            Err(error) => return reply.error(error),
        };
        let skip = usize::try_from(offset).unwrap_or(usize::MAX);
        for (next, (ino, kind, name)) in (1_u64..).zip(listing).skip(skip) {
            if reply.add(INodeNo(ino), next, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn releasedir(&self, _: &Request, _: INodeNo, handle: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        self.listings.close(handle.0);
        reply.ok();
    }
}

/// What is asked of the kernel when the file system is mounted.
pub(crate) fn agree(config: &mut KernelConfig) {
    // Else the kernel has one lookup or listing at a time in each directory, and all containers share these. Every kernel
    // since 4.7 has it.
    let _ = config.add_capabilities(InitFlags::FUSE_PARALLEL_DIROPS);
}

/// Why a request is answered with an error.
enum Denied {
    Errno(Errno),
    Failure(Failure),
}

impl Denied {
    fn errno(self) -> Errno {
        match self {
            Self::Errno(errno) => errno,
            Self::Failure(failure) => Errno::from(io::Error::from(failure.errno())),
        }
    }
}

impl From<Errno> for Denied {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl From<Failure> for Denied {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}
