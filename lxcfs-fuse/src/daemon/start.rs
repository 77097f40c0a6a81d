//! Where the connection to the kernel comes from: from who had it before, or from a new mount.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
use rustix::io::Errno;

use super::args::Args;
use super::error::Error;
use super::healing::Healing;
use super::metrics;
use super::notify;
use super::pid_file::PidFile;
use crate::heal;
use crate::keeper::ask::{AskError, Talk};
use crate::keeper::control::Control;
use crate::keeper::packet::{Packet, Word};
use crate::keeper::passed::named;
use crate::keeper::shown::Shown;
use crate::keeper::{MAIL, mounts};
use crate::session::{Kept, begin};
use crate::settings::MountOptions;

/// The pid file among the descriptors that a process hands to itself.
pub(super) const PID_FILE: &str = "pidfile";
/// And the control socket.
pub(super) const CONTROL: &str = "control";

/// And whoever takes over.
pub(super) const TAKER: &str = "taker";

/// What is handed over, in the order of the descriptors that come with [`Word::Prepared`].
const HANDED: [&str; 4] = ["fuse", "requests", "store", Shown::NAME];

/// How long somebody who has been followed may take to go.
const GOING: Duration = Duration::from_secs(15);
/// So often somebody may hang up who is asked for what he has.
const HUNG_UP: u32 = 20;
const MOMENT: Duration = Duration::from_millis(50);
/// How long a mount that lies at the mount point may take to show that it is alive.
const ALIVE: Duration = Duration::from_secs(2);

/// A connection, and what is to be done once it is served.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) kept: Kept,
    pub(super) shown: Shown,
    pub(super) claim: Claim,
    /// From the keeper.
    pub(super) mail: Option<OwnedFd>,
    /// Somebody who is to serve in our stead, and for whom this process has ended serving.
    pub(super) taker: Option<OwnedFd>,
    /// It is new: nobody but us has it.
    pub(super) is_new: bool,
    /// What is to be healed once it is served; a worker heals nobody.
    pub(super) healing: Option<Healing>,
}

/// How others will find us.
#[derive(Debug, Default)]
pub(super) struct Claim {
    pid_file: Option<PidFile>,
    control: Option<OwnedFd>,
    talk: Option<Talk>,
    /// The socket of metrics, from the program that this process was before.
    pub(super) metrics: Option<OwnedFd>,
}

/// A worker's, from its keeper.
pub(super) fn from_keeper(mut passed: Vec<(String, OwnedFd)>) -> Result<Start, Error> {
    let mail = named(&mut passed, MAIL).ok_or(Error::NoKeeper)?;
    let shown = Shown::of(named(&mut passed, Shown::NAME)).map_err(Error::Shown)?;
    Ok(Start {
        kept: Kept::from_descriptors(passed)?,
        shown,
        claim: Claim::default(),
        mail: Some(mail),
        taker: None,
        is_new: false,
        healing: None,
    })
}

/// Takes it from whoever has it; mounts if nobody has.
pub(super) fn from_anywhere(
    args: &Args,
    options: &MountOptions,
    mut passed: Vec<(String, OwnedFd)>,
) -> Result<Start, Error> {
    let healing = Healing::before_mount(args, options.psi_poll);
    let pid_file = named(&mut passed, PID_FILE).map(|held| PidFile::still_held(&args.pid_file(), held));
    let taker = named(&mut passed, TAKER);
    let mut claim = Claim {
        pid_file,
        control: named(&mut passed, CONTROL),
        talk: None,
        metrics: named(&mut passed, metrics::SOCKET),
    };
    let shown = Shown::of(named(&mut passed, Shown::NAME)).map_err(Error::Shown)?;
    if !passed.is_empty()
        && let Some(kept) = usable(passed)
    {
        if claim.pid_file.is_none() {
            claim.pid_file = Some(PidFile::claim(&args.pid_file())?);
        }
        tracing::info!(mountpoint = %kept.mountpoint().display(), "going on with what was kept");
        return Ok(Start {
            kept,
            shown,
            claim,
            mail: None,
            taker,
            is_new: false,
            healing: Some(healing),
        });
    }
    // Without the word, only from a worker that was left alone: it has no pid file.
    if !args.take_over && claim.pid_file.is_none() {
        claim.pid_file = Some(PidFile::claim(&args.pid_file())?);
    }
    if claim.control.is_none()
        && let Some((kept, shown, talk)) = from_talk(&args.control())?
    {
        claim.talk = Some(talk);
        return Ok(Start {
            kept,
            shown,
            claim,
            mail: None,
            taker: None,
            is_new: false,
            healing: Some(healing),
        });
    }
    if claim.pid_file.is_none() {
        claim.pid_file = Some(PidFile::claim(&args.pid_file())?);
    }
    prepare(&options.mountpoint)?;
    Ok(Start {
        kept: begin(options)?,
        shown,
        claim,
        mail: None,
        taker: None,
        is_new: true,
        healing: Some(healing),
    })
}

/// What the service manager, or we ourselves, have kept. What cannot be used is thrown away.
fn usable(mut passed: Vec<(String, OwnedFd)>) -> Option<Kept> {
    let names: Vec<String> = passed.iter().map(|(name, _)| name.clone()).collect();
    // A later version, which this one follows in a downgrade, may keep more. It is no reason to let go of the mount.
    passed.retain(|(name, _)| HANDED.contains(&name.as_str()));
    let why = match Kept::from_descriptors(passed) {
        Ok(kept) if kept.is_alive() => return Some(kept),
        Ok(kept) => {
            let minor = rustix::fs::minor(kept.device());
            if let Err(error) = mounts::unmount(&kept.mountpoint(), minor) {
                tracing::warn!(%error, "cannot unmount what is dead");
            }
            "the connection has ended".to_owned()
        }
        Err(error) => error.to_string(),
    };
    tracing::warn!(why, "what was kept cannot be used; beginning anew");
    for name in names {
        notify::forget(&name);
    }
    None
}

/// Asks whoever listens for what he has. Who hangs up dies just now: then somebody else listens a moment later, or nobody.
fn ask(path: &Path) -> Result<Option<(Talk, Packet)>, AskError> {
    let mut tries = 0_u32;
    loop {
        let Some(talk) = Talk::begin(path)? else {
            return Ok(None);
        };
        match talk.ask(Word::TakeOver) {
            Err(AskError::Broken { .. }) if tries < HUNG_UP => tries = tries.saturating_add(1),
            answer => return answer.map(|prepared| Some((talk, prepared))),
        }
        thread::sleep(MOMENT);
    }
}

/// From a daemon that serves, if there is one.
fn from_talk(path: &Path) -> Result<Option<(Kept, Shown, Talk)>, Error> {
    let Some((talk, prepared)) = ask(path)? else {
        return Ok(None);
    };
    if prepared.word != Word::Prepared || prepared.descriptors.len() != HANDED.len() {
        return Err(Error::Handed(path.to_owned()));
    }
    let names = HANDED.into_iter().map(str::to_owned);
    let mut handed: Vec<_> = names.zip(prepared.descriptors).collect();
    let shown = Shown::of(named(&mut handed, Shown::NAME)).map_err(Error::Shown)?;
    let kept = Kept::from_descriptors(handed)?;
    tracing::info!(mountpoint = %kept.mountpoint().display(), "taking over from the daemon that serves");
    Ok(Some((kept, shown, talk)))
}

impl Start {
    /// If somebody is to serve in our stead, waits until it does. `true`: it does, and we are not needed.
    pub(super) fn is_taken(&mut self, args: &Args) -> bool {
        let Some(taker) = self.taker.take() else {
            return false;
        };
        let talk = Talk::going_on(&args.control(), taker);
        let serves = talk.say(Word::Stopped).and_then(|()| talk.hear(GOING));
        match serves {
            Ok(packet) if packet.word == Word::Ready => {
                tracing::info!("somebody else serves");
                self.claim.release(args);
                // If it has gone, it does not want to know.
                let _ = talk.say(Word::Done);
                true
            }
            Ok(packet) => {
                tracing::error!(?packet, "whoever was taking over says something else; serving again");
                false
            }
            Err(error) => {
                tracing::error!(%error, "whoever was taking over does not serve; serving again");
                false
            }
        }
    }
}

impl Claim {
    /// Others are not to find us any more.
    fn release(&mut self, args: &Args) {
        if let Some(listener) = self.control.take() {
            Control::adopt(listener, &args.control()).remove();
        }
        self.pid_file = None;
        self.metrics = None;
    }

    /// Has whoever serves stop.
    pub(super) fn nobody_else_serves(&mut self) -> Result<(), Error> {
        let Some(talk) = &self.talk else {
            return Ok(());
        };
        talk.say(Word::Able)?;
        match talk.hear(GOING) {
            Ok(_) => Ok(()),
            // It has died just now, which comes to the same.
            Err(AskError::Broken { .. }) => {
                self.talk = None;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether whoever served before will again if we end.
    pub(super) fn is_borrowed(&self) -> bool {
        self.talk.is_some()
    }

    /// It is served: whoever did so before may go. From here on others find us.
    pub(super) fn settle(&mut self, args: &Args) -> Result<(PidFile, Control), Error> {
        if let Some(talk) = self.talk.take() {
            match talk.ask(Word::Ready) {
                Ok(_) => tracing::info!("taken over"),
                // Then the pid file says whether it has gone.
                Err(error) => tracing::warn!(%error, "whoever was followed has not said that it goes"),
            }
        }
        let pid_file = match self.pid_file.take() {
            Some(held) => held,
            None => PidFile::claim_within(&args.pid_file(), GOING)?,
        };
        let path = args.control();
        let control = match self.control.take() {
            Some(listener) => Control::adopt(listener, &path),
            None => Control::bind(&path).map_err(|source| Error::Control { path, source })?,
        };
        Ok((pid_file, control))
    }
}

/// What an earlier run has left at the mount point goes; a mount point that is not there is made.
fn prepare(mountpoint: &Path) -> Result<(), Error> {
    let failed = |source| Error::MountPoint {
        path: mountpoint.to_owned(),
        source,
    };
    // More than one, if somebody has mounted over a dead one.
    for _ in 0..16 {
        let Some(top) = mounts::on_top(mountpoint).map_err(failed)? else {
            break;
        };
        if !heal::is_lxcfs(&top) || is_alive(mountpoint) {
            break;
        }
        tracing::warn!(mountpoint = %mountpoint.display(), minor = top.device.minor, "a dead mount is there; unmounting it");
        if !mounts::unmount(mountpoint, top.device.minor).map_err(failed)? {
            break;
        }
    }
    match fs::create_dir(mountpoint) {
        Ok(()) => tracing::info!(mountpoint = %mountpoint.display(), "made the mount point"),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        // Mounting will say what is wrong with it.
        Err(error) => tracing::debug!(%error, "the mount point is not made"),
    }
    Ok(())
}

/// Whether somebody serves what is mounted there. It is asked in another thread: if nobody ever answers, nobody serves.
fn is_alive(mountpoint: &Path) -> bool {
    let place = mountpoint.to_owned();
    let (tell, told) = mpsc::channel();
    let asking = thread::Builder::new().name("asking".to_owned()).spawn(move || {
        // What the kernel remembers of a file it tells also when nobody serves any more, unless it is told to ask.
        let asked = AtFlags::STATX_FORCE_SYNC | AtFlags::SYMLINK_NOFOLLOW;
        let answer = statx(CWD, &place, asked, StatxFlags::MTIME);
        let alive = answer.err() != Some(Errno::NOTCONN);
        // Nobody listens any more if it took too long.
        let _ = tell.send(alive);
    });
    asking.is_ok() && told.recv_timeout(ALIVE).unwrap_or(false)
}
