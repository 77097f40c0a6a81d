//! A process that serves: alone, with the service manager as its keeper, or as the worker of a keeper of ours.

use std::io;
use std::mem;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::args::{Args, Keep};
use super::config::Config;
use super::error::Error;
use super::layers::{Layers, lay};
use super::log::Log;
use super::metrics::{self, Metrics};
use super::pid_file::PidFile;
use super::signals::{Event, Events, Waker};
use super::start::{CONTROL, PID_FILE, Start, TAKER};
use super::{log_settings, notify, replace};
use crate::keeper::control::{Caller, Control, WISHES, Wish};
use crate::keeper::handed;
use crate::keeper::mounts;
use crate::keeper::packet::{Packet, Received, Refusal, Word, receive, send, wait_for};
use crate::keeper::program::{Image, Program};
use crate::keeper::shown::Shown;
use crate::session::{Mounted, serve};
use crate::settings::MountOptions;
use crate::status::{Teller, Worker, WorkerState, millis};
use crate::store::{Number, Seen};

/// How long a worker may wait for its turn: far longer than a keeper has it wait.
const TURN: Duration = Duration::from_secs(3600);

/// A daemon that serves.
pub(super) struct Daemon {
    args: Args,
    at_mount: Layers,
    log: Log,
    events: Events,
    program: Program,
    /// How they have ended.
    requests: mpsc::Receiver<io::Result<()>>,
    mounted: Mounted,
    shown: Shown,
    /// The service manager keeps descriptors for us.
    by_systemd: bool,
    /// A worker's keeper, as long as it lives.
    mail: Option<OwnedFd>,
    /// The control socket, should the keeper die.
    spare: Option<OwnedFd>,
    pid_file: Option<PidFile>,
    control: Option<Control>,
    /// Who has our descriptors, and has not said yet that it serves.
    taking: Option<Caller>,
    metrics: Metrics,
}

/// Whether it goes on.
enum Next {
    GoOn,
    /// Ends without an unmount: another serves, or will.
    Leave,
    /// Ends with an unmount.
    Unmount,
}

impl Daemon {
    /// Serves, and says so.
    pub(super) fn start(
        args: Args,
        options: &MountOptions,
        layers: Layers,
        log: Log,
        events: Events,
        program: Program,
        start: Start,
    ) -> Result<Self, Error> {
        let ended = events.waker();
        let (tell_end, end_told) = mpsc::channel();
        let Start {
            kept,
            shown,
            mut claim,
            mail,
            taker: _,
            is_new,
            healing,
        } = start;
        if let Some(mail) = &mail {
            wait_for_turn(mail)?;
        }
        claim.nobody_else_serves()?;
        let mut settings = layers.settings.clone();
        settings.view.passthrough = shown.host();
        let by_systemd = args.keep == Some(Keep::Systemd) && mail.is_none();
        let before = kept.descriptors().map(|(_, descriptor)| numbers(descriptor));
        let (place, minor) = (kept.mountpoint(), rustix::fs::minor(kept.device()));
        let served = serve(kept, options, settings.clone(), move |end| {
            // Nobody listens any more if we end.
            let _ = tell_end.send(end);
            ended.wake();
        });
        if served.is_err()
            && is_new
            && let Err(error) = mounts::unmount(&place, minor)
        {
            tracing::warn!(%error, "cannot unmount what nobody serves");
        }
        let mounted = served?;
        tracing::info!(threads = options.threads, psi_poll = options.psi_poll, "serving");
        log_settings(&settings);
        let mut daemon = Self {
            metrics: Metrics::of(&args, &layers, claim.metrics.take()),
            args,
            at_mount: layers,
            log,
            events,
            program,
            requests: end_told,
            mounted,
            shown,
            by_systemd,
            mail,
            spare: None,
            pid_file: None,
            control: None,
            taking: None,
        };
        if daemon.mail.is_some() {
            daemon.write_ready();
            return Ok(daemon);
        }
        // With a keeper, that counts those that it starts.
        match Seen::open(daemon.mounted.kept().store()) {
            Ok(seen) => seen.add(Number::WorkersStarted),
            Err(error) => tracing::debug!(%error, "not counted"),
        }
        match claim.settle(&daemon.args) {
            Ok((pid_file, control)) => {
                daemon.pid_file = Some(pid_file);
                daemon.control = Some(control);
            }
            // Whoever served before still does, unless it was nobody.
            Err(error) => {
                if is_new {
                    daemon.mounted.unmount()?;
                } else {
                    daemon.mounted.leave();
                }
                return Err(error);
            }
        }
        daemon.metrics.begin();
        if by_systemd {
            daemon.store(before, is_new);
        }
        if let Some(healing) = healing {
            healing.begin().wait();
        }
        notify::ready(daemon.shown.host());
        Ok(daemon)
    }

    /// Tells the keeper that this worker serves, and what it has now.
    fn write_ready(&self) {
        let descriptors = self.mounted.kept().descriptors().map(|(_, descriptor)| descriptor);
        if let Some(mail) = &self.mail
            && let Err(error) = send(mail.as_fd(), Word::Ready, 0, &descriptors)
        {
            tracing::warn!(%error, "cannot tell the keeper that this worker serves");
        }
    }

    /// Has the service manager keep what it does not keep yet. What is the same as before it knows.
    fn store(&self, before: [Option<(u64, u64)>; 3], is_new: bool) {
        let all = self.mounted.kept().descriptors().into_iter().zip(before);
        for ((name, descriptor), known) in all {
            if !is_new && numbers(descriptor) != known {
                notify::forget(name);
            }
            notify::store(name, descriptor);
        }
        notify::store(Shown::NAME, self.shown.as_fd());
    }

    pub(super) fn serve(mut self) -> Result<(), Error> {
        let alive_every = self.by_systemd.then(notify::alive_every).flatten();
        let mut alive_at = Instant::now();
        loop {
            if let Some(every) = alive_every
                && alive_at <= Instant::now()
            {
                if !self.mounted.is_stuck() {
                    notify::alive();
                }
                alive_at = Instant::now().checked_add(every).unwrap_or(alive_at);
            }
            let within = alive_every.map(|_| alive_at.saturating_duration_since(Instant::now()));
            let next = match self.next(within)? {
                Event::Reload => {
                    self.reload();
                    Next::GoOn
                }
                Event::Toggle => {
                    self.toggle();
                    Next::GoOn
                }
                Event::Replace => {
                    self.replace();
                    Next::GoOn
                }
                Event::End(signal) => {
                    tracing::info!(%signal, "told to end");
                    if self.is_alone() {
                        tracing::warn!(
                            "a worker that was left alone may not unmount: the mount stays, dead, until the next start"
                        );
                    }
                    self.at_end()
                }
                Event::Woken => return self.over(),
                Event::Other | Event::Time => match self.read_mail() {
                    Next::GoOn => self.hear_callers(),
                    next => next,
                },
            };
            match next {
                Next::GoOn => {}
                Next::Leave => {
                    self.leave();
                    return Ok(());
                }
                Next::Unmount => return self.unmount(),
            }
        }
    }

    fn next(&self, within: Option<Duration>) -> Result<Event, Error> {
        let mail = self.mail.iter().map(|mail| mail.as_fd());
        let control = self.control.iter().flat_map(Control::descriptors);
        self.events.next_or(mail.chain(control), within).map_err(Error::Signals)
    }

    /// What a signal to end means.
    fn at_end(&self) -> Next {
        if self.args.worker || self.by_systemd {
            Next::Leave
        } else {
            Next::Unmount
        }
    }

    /// A worker whose keeper has died. It can do no more than any worker: it starts no program, and unmounts nothing.
    fn is_alone(&self) -> bool {
        self.args.worker && self.mail.is_none()
    }

    /// What whoever has asked this process to end is to unmount itself: the minor number of its device, or 0 for nothing.
    fn left_mounted(&self) -> u32 {
        if self.is_alone() {
            rustix::fs::minor(self.mounted.kept().device())
        } else {
            0
        }
    }

    /// Requests have ended: it is unmounted, or was aborted.
    fn over(self) -> Result<(), Error> {
        let end = self.requests.try_recv().unwrap_or(Ok(()));
        // The keeper does what is to be done.
        self.say(Word::Ended, u32::from(end.is_err()));
        if end.is_ok() && self.mail.is_none() {
            tracing::info!("unmounted by somebody else");
        }
        if self.args.worker {
            self.mounted.leave();
            return end.map_err(Error::Requests);
        }
        self.unmount()?;
        end.map_err(Error::Requests)
    }

    /// What the keeper says.
    fn read_mail(&mut self) -> Next {
        loop {
            let Some(mail) = &self.mail else {
                return Next::GoOn;
            };
            match receive(mail.as_fd()) {
                Received::Nothing => return Next::GoOn,
                Received::Unknown => {}
                Received::Packet(packet) => match packet.word {
                    Word::Leave => return Next::Leave,
                    _ => self.obey(packet),
                },
                Received::Closed => {
                    tracing::warn!("the keeper has died; serving on, until somebody takes over");
                    self.mail = None;
                    if let Some(listener) = self.spare.take() {
                        self.control = Some(Control::adopt(listener, &self.args.control()));
                    }
                }
            }
        }
    }

    fn obey(&mut self, packet: Packet) {
        match packet.word {
            Word::Ping if !self.mounted.is_stuck() => self.say(Word::Alive, 0),
            Word::Reload => self.reload(),
            Word::Toggle => self.show(self.shown.host()),
            Word::Control => self.spare = packet.descriptors.into_iter().next(),
            _ => {}
        }
    }

    fn say(&self, word: Word, number: u32) {
        if let Some(mail) = &self.mail {
            // A keeper that has died is noticed when it is listened to.
            let _ = send(mail.as_fd(), word, number, &[]);
        }
    }

    fn hear_callers(&mut self) -> Next {
        for _ in 0..WISHES {
            let Some(wish) = self.control.as_mut().and_then(Control::next) else {
                break;
            };
            match wish {
                Wish::TakeOver(caller) => self.hand(caller),
                // That this process has ended, and nobody serves, it hears of by the end of the conversation.
                Wish::Able(caller) if self.taking == Some(caller) && self.is_alone() => return Next::Leave,
                Wish::Able(caller) if self.taking == Some(caller) => self.stop_serving(caller),
                Wish::Able(caller) | Wish::Ready(caller) => self.answer(caller, Word::Refused, Refusal::FAILED),
                Wish::Stop(caller) => {
                    self.answer(caller, Word::Done, self.left_mounted());
                    return self.at_end();
                }
                Wish::Unmount(caller) => {
                    self.answer(caller, Word::Done, self.left_mounted());
                    return if self.is_alone() { Next::Leave } else { Next::Unmount };
                }
                Wish::Status(caller) => self.say_status(caller),
                Wish::Gone(caller) => {
                    if self.taking == Some(caller) {
                        tracing::warn!("whoever was taking over has gone; all stays as it was");
                        self.taking = None;
                    }
                }
            }
        }
        Next::GoOn
    }

    /// Says what is done here.
    fn say_status(&mut self, caller: Caller) {
        let teller = Teller {
            kept: self.mounted.kept(),
            shown: &self.shown,
            started: self.program.started(),
            is_kept: false,
            worker: Some(Worker {
                pid: std::process::id(),
                started_at_ms: millis(self.program.started()),
                state: WorkerState::Serves,
                silent_for_ms: self.mounted.stuck_for().map(millis),
            }),
            gauges: Some(self.mounted.gauges()),
        };
        if let Some(control) = &mut self.control {
            control.say(caller, teller);
        }
    }

    fn answer(&self, caller: Caller, word: Word, number: u32) {
        if let Some(control) = &self.control {
            // If it has gone, it does not want to know.
            let _ = control.answer(caller, word, number, &[]);
        }
    }

    /// Gives somebody the descriptors; serves on until it says that it does.
    fn hand(&mut self, caller: Caller) {
        let Some(control) = &self.control else {
            return;
        };
        // One that had to go for others says nothing more.
        if self.taking.is_some_and(|taker| control.socket(taker).is_some()) {
            self.answer(caller, Word::Refused, Refusal::BUSY);
            return;
        }
        let descriptors = handed(self.mounted.kept(), &self.shown);
        match control.answer(caller, Word::Prepared, 0, &descriptors) {
            Ok(()) => self.taking = Some(caller),
            Err(error) => tracing::warn!(%error, "cannot hand over"),
        }
    }

    /// Somebody else is to serve. Nobody does here only when this process has ended, or is another program: that waits until
    /// the other one serves, and else serves again.
    fn stop_serving(&mut self, caller: Caller) {
        tracing::info!("handing over");
        let Some(taker) = self.control.as_ref().and_then(|control| control.socket(caller)) else {
            return;
        };
        let mut descriptors = self.passed_on();
        descriptors.push((TAKER, taker));
        let error = replace::become_program(&self.program, Image::Own, &descriptors);
        tracing::error!(%error, "cannot hand over; everything stays as it was");
        self.answer(caller, Word::Refused, Refusal::FAILED);
        self.taking = None;
    }

    /// What this process passes on to the program that it becomes.
    fn passed_on(&self) -> Vec<(&'static str, BorrowedFd<'_>)> {
        let mut all = self.mounted.kept().descriptors().to_vec();
        all.push((Shown::NAME, self.shown.as_fd()));
        all.extend(self.pid_file.iter().map(|held| (PID_FILE, held.as_fd())));
        all.extend(self.control.iter().map(|control| (CONTROL, control.listener())));
        all.extend(self.metrics.socket().map(|socket| (metrics::SOCKET, socket)));
        all
    }

    /// Ends without an unmount.
    fn leave(self) {
        tracing::info!("leaving; the mount stays");
        if self.mail.is_none() {
            notify::stopping("leaving; the mount stays");
        }
        self.mounted.leave();
        if let Some(control) = self.control {
            control.remove();
            // Whoever talks to us hears of our end when nobody serves any more, which is at the end of the process.
            mem::forget(control);
        }
    }

    /// Goes on as the program that is now on the disk.
    fn replace(&mut self) {
        if self.mail.is_some() {
            tracing::warn!("a worker is replaced by its keeper: that is where the signal belongs");
            return;
        }
        if self.args.worker {
            tracing::warn!("a worker that was left alone stays what it is: start a daemon, which takes over from it");
            return;
        }
        tracing::info!(program = %self.program.path().display(), "going on as the program that is on the disk");
        notify::reloading();
        let descriptors = self.passed_on();
        let error = replace::become_program(&self.program, Image::OnDisk, &descriptors);
        tracing::error!(%error, "not replaced: everything stays as it was");
        notify::ready(self.shown.host());
    }

    /// Reads the configuration file again. One that cannot be used changes nothing.
    fn reload(&self) {
        if self.mail.is_none() {
            notify::reloading();
        }
        let mut settings = self.mounted.settings();
        let passthrough = settings.view.passthrough;
        match Config::load(self.args.config.as_deref()) {
            Err(error) => tracing::error!(%error, "not reloaded: everything stays as it was"),
            Ok(file) => {
                let layers = lay(&self.args, &file);
                settings = layers.settings;
                settings.view.passthrough = passthrough;
                self.log.set_level(layers.log_level);
                tracing::info!("reloaded");
                log_settings(&settings);
                self.mounted.set(settings);
                if layers.threads != self.at_mount.threads {
                    tracing::warn!(
                        threads = self.at_mount.threads,
                        "threads: another number needs a restart"
                    );
                }
                if layers.metrics != self.at_mount.metrics {
                    tracing::warn!("metrics: another address needs a restart");
                }
                if layers.psi_poll != self.at_mount.psi_poll {
                    tracing::warn!(psi_poll = self.at_mount.psi_poll, "psi-poll: a change needs a restart");
                }
            }
        }
        match &self.mail {
            Some(_) => self.say(Word::Reloaded, passthrough.into()),
            None => notify::ready(passthrough),
        }
    }

    /// Shows the host's files to everybody, or no longer.
    fn toggle(&self) {
        let passthrough = !self.mounted.settings().view.passthrough;
        self.shown.set(passthrough);
        self.show(passthrough);
    }

    fn show(&self, passthrough: bool) {
        let mut settings = self.mounted.settings();
        settings.view.passthrough = passthrough;
        self.mounted.set(settings);
        if passthrough {
            tracing::warn!("passing through: everybody sees the host's files");
        } else {
            tracing::info!("no longer passing through: containers see themselves");
        }
        match &self.mail {
            Some(_) => self.say(Word::Shown, passthrough.into()),
            None => notify::shows(passthrough),
        }
    }

    /// Unmounts in another thread, so that somebody who is tired of waiting can still say so.
    fn unmount(self) -> Result<(), Error> {
        tracing::info!("unmounting");
        notify::stopping("unmounting");
        if self.by_systemd {
            for (name, _) in self.mounted.kept().descriptors() {
                notify::forget(name);
            }
            notify::forget(Shown::NAME);
        }
        let (says, said) = mpsc::channel();
        let finished = Finished(self.events.waker());
        let mounted = self.mounted;
        thread::Builder::new()
            .name("unmount".to_owned())
            .spawn(move || {
                let _finished = finished;
                // Nobody listens any more if the process ends.
                let _ = says.send(mounted.unmount());
            })
            .map_err(Error::Thread)?;
        let end = loop {
            match self.events.next().map_err(Error::Signals)? {
                Event::End(_) => break Err(Error::Impatient),
                Event::Reload | Event::Toggle | Event::Replace | Event::Other | Event::Time => {}
                Event::Woken => match said.try_recv() {
                    Ok(unmounted) => {
                        tracing::info!("ended");
                        break unmounted.map_err(Error::from);
                    }
                    Err(mpsc::TryRecvError::Disconnected) => break Err(Error::Panicked),
                    // The end of requests, which comes on the way.
                    Err(mpsc::TryRecvError::Empty) => {}
                },
            }
        };
        if let Some(control) = &self.control {
            control.remove();
        }
        end
    }
}

/// A worker serves when it is told to: when nobody else does.
fn wait_for_turn(mail: &OwnedFd) -> Result<(), Error> {
    // If the keeper cannot be told, it has died: whether it was this worker's turn before, it may have said.
    let _ = send(mail.as_fd(), Word::Able, 0, &[]);
    loop {
        match wait_for(mail, TURN).map_err(Error::Mail)? {
            Some(packet) if packet.word == Word::Serve => return Ok(()),
            // It is not served yet: what a keeper says to all is said to those that are here.
            Some(packet) if packet.word != Word::Leave => {}
            _ => return Err(Error::NotNeeded),
        }
    }
}

/// What a descriptor leads to.
fn numbers(descriptor: BorrowedFd<'_>) -> Option<(u64, u64)> {
    let there = rustix::fs::fstat(descriptor).ok()?;
    Some((there.st_dev, there.st_ino))
}

/// Says that a thread has finished, by a panic too.
struct Finished(Waker);

impl Drop for Finished {
    fn drop(&mut self) {
        self.0.wake();
    }
}
