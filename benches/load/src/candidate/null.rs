//! The floor: a FUSE server with fixed texts. It does all that makes FUSE cheap, and nothing else.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, UNIX_EPOCH};

use fuser::{
    Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, LockOwner, MountOption,
    OpenFlags, ReplyAttr, ReplyData, ReplyEntry, ReplyOpen, Request, SessionACL,
};
use nix::sys::prctl;

use super::Daemon;
use crate::failure::{Doing as _, Failure};
use crate::role;

/// Paths below the root, and what is read there.
pub(crate) type Texts = Vec<(PathBuf, Vec<u8>)>;

/// So long that the kernel never asks again.
const TTL: Duration = Duration::from_secs(86_400);

/// Starts the server as a child.
pub(super) fn start(threads: Option<u16>, texts: &Texts, dir: &Path) -> Result<Daemon, Failure> {
    let available = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.map_or(available.min(4), usize::from);
    let mut command = Command::new("/proc/self/exe");
    command.args([role::NULL, &threads.to_string()]).stdin(Stdio::piped());
    Daemon::start_with(super::NULL, command, dir, |child| tell(child, texts))
}

fn tell(child: &mut Child, texts: &Texts) -> Result<(), Failure> {
    let json = serde_json::to_vec(texts).map_err(Failure::wrong)?;
    // Closed at the end of this: the server waits for that.
    let input = child.stdin.take();
    input
        .map_or(Ok(()), |mut input| input.write_all(&json))
        .doing("cannot tell the floor its texts")
}

/// The server's role: arguments are the number of threads and the mount point, standard input is the texts.
pub(crate) fn serve_null() -> Result<ExitCode, Failure> {
    prctl::set_name(c"lxcfs-load-null").doing("cannot set the name")?;
    let mut arguments = std::env::args_os().skip(2);
    let threads = arguments.next().and_then(|number| number.to_str()?.parse().ok());
    let mount = arguments.next().ok_or_else(|| Failure::wrong("no mount point"))?;
    let texts = serde_json::from_reader(io::stdin().lock()).map_err(Failure::wrong)?;
    let mut config = Config::default();
    config.acl = SessionACL::All;
    config.n_threads = threads;
    // Read-only, so that the kernel asks for no attributes after each read.
    config.mount_options = vec![
        MountOption::RO,
        MountOption::NoSuid,
        MountOption::NoDev,
        MountOption::FSName("lxcfs-load".to_owned()),
    ];
    fuser::mount(Null::new(texts), mount, &config).doing("cannot mount the floor")?;
    Ok(ExitCode::SUCCESS)
}

/// One directory or file; its inode number is its place in the list, from 1.
#[derive(Debug)]
struct Node {
    parent: usize,
    name: std::ffi::OsString,
    text: Option<Vec<u8>>,
}

#[derive(Debug)]
struct Null {
    nodes: Vec<Node>,
}

impl Null {
    fn new(texts: Texts) -> Self {
        let mut null = Self {
            nodes: vec![Node {
                parent: 0,
                name: "/".into(),
                text: None,
            }],
        };
        for (path, text) in texts {
            let mut at = 0;
            for name in &path {
                at = null.find(at, name).unwrap_or_else(|| {
                    null.nodes.push(Node {
                        parent: at,
                        name: name.to_owned(),
                        text: None,
                    });
                    null.nodes.len().saturating_sub(1)
                });
            }
            if let Some(node) = null.nodes.get_mut(at) {
                node.text = Some(text);
            }
        }
        null
    }

    fn find(&self, parent: usize, name: &OsStr) -> Option<usize> {
        let mut nodes = self.nodes.iter().enumerate().skip(1);
        nodes
            .find(|(_, node)| node.parent == parent && node.name == name)
            .map(|(at, _)| at)
    }

    fn attributes(&self, at: usize) -> Option<FileAttr> {
        let directory = self.nodes.get(at)?.text.is_none();
        Some(FileAttr {
            ino: INodeNo(u64::try_from(at).ok()?.saturating_add(1)),
            // As in /proc: there is no telling before it is read.
            size: 0,
            blocks: 0,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: if directory {
                FileType::Directory
            } else {
                FileType::RegularFile
            },
            perm: if directory { 0o555 } else { 0o444 },
            nlink: if directory { 2 } else { 1 },
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        })
    }
}

fn place(inode: INodeNo) -> usize {
    usize::try_from(u64::from(inode).saturating_sub(1)).unwrap_or(usize::MAX)
}

/// `flush` stays as it is: it says that there is no such thing, and the kernel does not ask again.
impl Filesystem for Null {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.find(place(parent), name).and_then(|at| self.attributes(at)) {
            Some(attributes) => reply.entry(&TTL, &attributes, Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.attributes(place(inode)) {
            Some(attributes) => reply.attr(&TTL, &attributes),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        // Without it, readers would get the page cache's text, and of 0 bytes at that.
        reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn read(
        &self,
        _: &Request,
        inode: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let text = self
            .nodes
            .get(place(inode))
            .and_then(|node| node.text.as_deref())
            .unwrap_or_default();
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|offset| text.get(offset..))
            .unwrap_or_default();
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        reply.data(rest.get(..size).unwrap_or(rest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_share_their_directories() {
        let texts = ["proc/stat", "proc/meminfo", "sys/a/b"].map(|path| (PathBuf::from(path), vec![]));
        let null = Null::new(texts.to_vec());
        assert_eq!(null.nodes.len(), 7);
        let proc = null.find(0, OsStr::new("proc")).unwrap();
        let meminfo = null.find(proc, OsStr::new("meminfo")).unwrap();
        assert_eq!(null.attributes(proc).unwrap().kind, FileType::Directory);
        assert_eq!(null.attributes(meminfo).unwrap().kind, FileType::RegularFile);
        assert_eq!(null.find(0, OsStr::new("meminfo")), None);
    }
}
