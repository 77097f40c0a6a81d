//! One container: cgroups with limits, a pid namespace whose init only waits, and in it a caller, which reads.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;

use crate::cgroup::{Cgroups, Hierarchy, Limits};
use crate::clock;
use crate::failure::{Doing as _, Failure};
use crate::namespaces::PidNamespaces;
use crate::order::{Order, Reply};
use crate::role;

/// Long after a killed process has to be gone; one that waits for a FUSE server cannot be killed before that answers.
const PATIENCE: Duration = Duration::from_secs(10);

/// A container, alive until it is dropped.
#[derive(Debug)]
pub(crate) struct Container {
    init: Process,
    namespace: File,
    pub(crate) caller: Caller,
    /// After the processes: fields are dropped in this order.
    pub(crate) cgroups: Cgroups,
}

impl Container {
    pub(crate) fn start(
        run: u32,
        number: usize,
        namespaces: &PidNamespaces,
        hierarchies: &[Hierarchy],
        limits: &Limits,
    ) -> Result<Self, Failure> {
        let cgroups = Cgroups::create(run, number, hierarchies, limits)?;
        // Its input ends with us, whatever happens to us.
        let mut command = Command::new("/proc/self/exe");
        command.arg(role::INIT).stdin(Stdio::piped()).stdout(Stdio::null());
        let init = Process(namespaces.start_init(&mut command)?);
        cgroups.attach(init.id())?;
        let namespace =
            File::open(format!("/proc/{}/ns/pid", init.id())).doing("cannot open the pid namespace of a container")?;
        let caller = Caller::start(namespaces, &namespace, &cgroups)?;
        Ok(Self {
            init,
            namespace,
            caller,
            cgroups,
        })
    }

    /// Kills the caller, wherever it is, and starts another. Answers whether the old one is gone.
    pub(crate) fn replace_caller(&mut self, namespaces: &PidNamespaces) -> Result<bool, Failure> {
        let gone = self.caller.process.end();
        self.caller = Caller::start(namespaces, &self.namespace, &self.cgroups)?;
        Ok(gone)
    }

    /// Kills all. Answers whether all are gone.
    pub(crate) fn end(&mut self) -> bool {
        // The kernel kills the caller with the init of its namespace; the init is not gone before the caller is reaped.
        let _ = self.init.0.kill();
        let gone = self.caller.process.end();
        gone && self.init.end()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.end();
    }
}

/// A process of ours that is killed in the end.
#[derive(Debug)]
pub(crate) struct Process(pub(crate) Child);

impl Process {
    fn id(&self) -> u32 {
        self.0.id()
    }

    /// Kills it. Answers whether it is gone.
    fn end(&mut self) -> bool {
        // It may be gone already.
        let _ = self.0.kill();
        wait(&mut self.0, PATIENCE)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits for a child to be gone, but not for longer than that. Answers whether it is.
pub(crate) fn wait(child: &mut Child, patience: Duration) -> bool {
    let end = clock::now().saturating_add(clock::nanos(patience));
    loop {
        match child.try_wait() {
            Ok(None) if clock::now() < end => std::thread::sleep(Duration::from_micros(200)),
            Ok(None) => return false,
            Ok(Some(_)) | Err(_) => return true,
        }
    }
}

/// The process in the container that reads, and the socket by which it gets its orders.
#[derive(Debug)]
pub(crate) struct Caller {
    process: Process,
    socket: UnixStream,
    /// What has come of a line.
    unread: Vec<u8>,
}

impl Caller {
    fn start(namespaces: &PidNamespaces, namespace: &File, cgroups: &Cgroups) -> Result<Self, Failure> {
        let (socket, theirs) = UnixStream::pair().doing("cannot make a socket")?;
        let theirs = OwnedFd::from(theirs);
        let mut command = Command::new("/proc/self/exe");
        command
            .arg(role::CALLER)
            .stdin(theirs.try_clone().doing("cannot duplicate a socket")?)
            .stdout(theirs);
        let process = Process(namespaces.start_in(namespace, &mut command)?);
        // The command has their end of the socket.
        drop(command);
        // It reads nothing before it gets an order.
        cgroups.attach(process.id())?;
        Ok(Self {
            process,
            socket,
            unread: Vec::new(),
        })
    }

    pub(crate) fn send(&mut self, order: &Order) -> Result<(), Failure> {
        let mut line = serde_json::to_vec(order).map_err(Failure::wrong)?;
        line.push(b'\n');
        self.socket.write_all(&line).doing("cannot give orders to a reader")
    }

    /// The next reply; `None` if there is none until then.
    pub(crate) fn receive(&mut self, end: u64) -> Result<Option<Reply>, Failure> {
        loop {
            if let Some(at) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=at).collect();
                return serde_json::from_slice(&line).map(Some).map_err(Failure::wrong);
            }
            let left = Duration::from_nanos(end.saturating_sub(clock::now()));
            let mut watched = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
            // Rounded up, or the last millisecond would be spent in this loop.
            let millis = left.as_micros().div_ceil(1000);
            let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
            if poll(&mut watched, timeout).doing("cannot wait for a reader")? == 0 {
                return Ok(None);
            }
            let mut part = [0; 16 << 10];
            match self.socket.read(&mut part) {
                Ok(0) => return Err(Failure::wrong("a reader has died")),
                Ok(count) => self.unread.extend(part.iter().take(count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error).doing("cannot hear a reader"),
            }
        }
    }
}

/// The init's role: there until the process that measures is not.
pub(crate) fn wait_for_the_end() -> Result<ExitCode, Failure> {
    prctl::set_name(c"lxcfs-load-init").doing("cannot set the name")?;
    io::copy(&mut io::stdin(), &mut io::sink()).doing("cannot wait")?;
    Ok(ExitCode::SUCCESS)
}
