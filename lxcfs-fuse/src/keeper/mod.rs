//! The keeper: a process that holds the connection to the kernel while others serve it.
//!
//! ```text
//! lxcfs --keep ─ fork, exec ─▶ lxcfs --worker      fuse, requests, store, shown: descriptors 3 to 6
//!      │  ◀──── mail: Ready, Alive, … ────           mail: 7
//!      ├─ pidfds: who has died is followed by another; readers wait that long
//!      ├─ signals: passed on, or another worker, or the end
//!      └─ control socket: take-over, stop
//! ```
//!
//! It serves nobody and reads no requests, and never polls the connection: FUSE would wake it for each request. A worker
//! whose keeper has died serves on, and listens to the control socket in its stead.

pub(crate) mod ask;
pub(crate) mod control;
pub(crate) mod mounts;
mod oom;
pub(crate) mod packet;
pub(crate) mod passed;
pub(crate) mod patience;
pub(crate) mod program;
pub(crate) mod said;
pub(crate) mod shown;
mod spawn;
mod worker;

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use control::{Caller, Control, WISHES, Wish};
use packet::{Packet, Refusal, Word};
use patience::{Patience, later};
use program::{Image, Program};
use shown::Shown;
use spawn::Template;
use worker::{Status, Turn, Worker};

use crate::daemon::notify;
use crate::daemon::signals::{Event, Events};
use crate::session::Kept;
use crate::status::Teller;
use crate::store::{Number, Seen};

/// How long a worker that was told to leave may take.
const LEAVING: Duration = Duration::from_secs(3);
/// How long requests may take to end after an unmount.
const UNMOUNTING: Duration = Duration::from_millis(200);

/// How long a keeper waits for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    /// For somebody to serve.
    pub(crate) deadline: Duration,
    /// For a worker to say that it is alive. Zero: it is not asked.
    pub(crate) watchdog: Duration,
}

/// How keeping has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Unmounted.
    Unmounted,
    /// Somebody else has unmounted it.
    UnmountedByOthers,
    /// Somebody else serves it now.
    HandedOver {
        /// Whether this process has been told to end.
        told: bool,
    },
}

/// Why keeping has ended.
///
/// ```
/// use std::time::Duration;
/// use lxcfs_fuse::daemon::KeepError;
///
/// let error = KeepError::Deadline { deadline: Duration::from_secs(30) };
/// assert!(error.to_string().starts_with("no worker has served for 30 s"));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeepError {
    /// It was aborted, by an administrator.
    #[error("the connection was aborted from outside")]
    Aborted,
    /// Nobody has served.
    #[error("no worker has served for {} s: the connection is aborted, so that nobody waits for ever (--keep-deadline)", deadline.as_secs())]
    Deadline {
        /// How long was waited.
        deadline: Duration,
    },
    /// Nothing can be waited for.
    #[error("cannot wait for signals: {0}")]
    Signals(#[source] io::Error),
    /// It cannot be unmounted.
    #[error("cannot unmount: {0}")]
    Unmount(#[source] io::Error),
    /// A worker cannot be prepared for.
    #[error("cannot prepare for workers: {0}")]
    Prepare(#[source] io::Error),
    /// The signal to end came again before the end.
    #[error("told again to end while unmounting: ended without knowing whether it is unmounted")]
    Impatient,
}

/// What happens once somebody serves for the first time.
pub(crate) trait Begun {
    /// Whether whoever served before will again if we end.
    fn is_borrowed(&self) -> bool;
    /// From here on others can find us. An error: they cannot, and we are to end.
    fn begun(&mut self) -> Result<Control, crate::daemon::Error>;
    /// Others are not to find us any more.
    fn over(&mut self);
}

/// A keeper at work.
pub(crate) struct Keeper<'k, B> {
    kept: Kept,
    shown: Shown,
    events: &'k Events,
    times: Times,
    /// When this process was started: `CLOCK_BOOTTIME`.
    started: Duration,
    template: Template,
    patience: Patience,
    /// The one that serves, or was told to.
    worker: Option<Worker>,
    /// The one that is to follow it.
    next: Option<Worker>,
    begun: B,
    /// Whoever served when we began will again if we end before we are found.
    is_borrowed: bool,
    control: Option<Control>,
    /// Who has our descriptors.
    taking: Option<Caller>,
    /// It is to serve, and nobody here does meanwhile; if it does not until then, somebody here does again.
    handing_until: Option<Instant>,
    linger: bool,
    /// The end, if nobody takes over before.
    lingers_until: Option<Instant>,
}

impl<'k, B: Begun> Keeper<'k, B> {
    pub(crate) fn new(
        (kept, shown): (Kept, Shown),
        program: &Program,
        times: Times,
        linger: bool,
        events: &'k Events,
        begun: B,
    ) -> Result<Self, KeepError> {
        let is_borrowed = begun.is_borrowed();
        let deadline = if is_borrowed {
            half(times.deadline)
        } else {
            times.deadline
        };
        let [fuse, requests, store] = kept.descriptors().map(|(name, _)| name);
        let names = [fuse, requests, store, Shown::NAME, MAIL];
        Ok(Self {
            template: Template::of(program, names, oom::never()).map_err(KeepError::Prepare)?,
            kept,
            shown,
            events,
            times,
            started: program.started(),
            patience: Patience::new(Instant::now(), deadline),
            worker: None,
            next: None,
            begun,
            is_borrowed,
            control: None,
            taking: None,
            handing_until: None,
            linger,
            lingers_until: None,
        })
    }

    /// Keeps it until the end.
    pub(crate) fn keep(mut self) -> Result<End, crate::daemon::Error> {
        let end = self.run();
        let has_begun = self.control.is_some();
        self.cannot_be_found();
        // Whoever is left serves nobody.
        for worker in [self.worker.take(), self.next.take()].into_iter().flatten() {
            end_of(worker);
        }
        if end.is_err() && !has_begun && !self.is_borrowed {
            // Nobody knows of it.
            self.detach();
        }
        end
    }

    fn run(&mut self) -> Result<End, crate::daemon::Error> {
        loop {
            // Everything that was said is heard before anybody is held to be silent.
            if let Some(end) = self.listen()? {
                return Ok(end);
            }
            if let Some(end) = self.look_at_the_clock()? {
                return Ok(end);
            }
            let within = self.next_time().map(|at| at.saturating_duration_since(Instant::now()));
            let event = {
                let workers = [&self.worker, &self.next].into_iter().flatten();
                let of_workers = workers.flat_map(Worker::descriptors);
                let of_control = self.control.iter().flat_map(Control::descriptors);
                self.events.next_or(of_workers.chain(of_control), within)
            };
            match event.map_err(KeepError::Signals)? {
                Event::Reload => {
                    notify::reloading();
                    self.tell(Word::Reload);
                }
                Event::Toggle => self.toggle(),
                Event::Replace => self.replace(),
                Event::End(signal) => {
                    if let Some(end) = self.end(signal.as_str())? {
                        return Ok(end);
                    }
                }
                Event::Woken | Event::Other | Event::Time => {}
            }
        }
    }

    /// Shows the host, or no longer: so does the worker, or the one that comes next if there is none.
    fn toggle(&self) {
        // Here, so that it is not lost with a worker that ends just now, or that does not listen yet.
        let host = !self.shown.host();
        self.shown.set(host);
        if self.worker.is_some() {
            return self.tell(Word::Toggle);
        }
        notify::shows(host);
    }

    fn tell(&self, word: Word) {
        for worker in [&self.worker, &self.next].into_iter().flatten() {
            worker.tell(word, &[]);
        }
    }

    /// What has to be done by now.
    fn look_at_the_clock(&mut self) -> Result<Option<End>, crate::daemon::Error> {
        let now = Instant::now();
        // Whoever is taking over right now is not stopped half-way.
        if self.handing_until.is_none() && self.lingers_until.is_some_and(|until| until <= now) {
            tracing::warn!("nobody has taken over in time");
            return self.unmount().map(Some);
        }
        if self.handing_until.is_some_and(|until| until <= now) {
            tracing::error!("whoever was taking over does not serve; somebody here does again");
            self.take_back();
        }
        if self.handing_until.is_none() && self.patience.ends_at().is_some_and(|end| end <= now) {
            return Err(self.give_up());
        }
        if self.worker.is_none() && self.handing_until.is_none() && self.patience.start_at() <= now {
            match self.start(self.patience.image(), true, now) {
                Ok(worker) => self.worker = Some(worker),
                Err(error) => {
                    tracing::error!(%error, "cannot start a worker");
                    self.patience.failed(now);
                }
            }
        }
        let times = self.times;
        let half = half(times.deadline);
        if let Some(worker) = &mut self.worker
            && !worker.is_killed()
            && (!worker.is_well(times.watchdog, now) || worker.is_over_at(half).is_some_and(|at| at <= now))
        {
            tracing::error!("the worker does not answer; it is killed, and another started");
            worker.kill();
            self.patience.is_killed(now);
        }
        if let Some(next) = &mut self.next
            && next.is_over_at(half).is_some_and(|at| at <= now)
        {
            tracing::error!("the new worker does not begin; it is killed, and the old one goes on");
            next.kill();
        }
        Ok(None)
    }

    /// When the clock is to be looked at again.
    fn next_time(&self) -> Option<Instant> {
        let is_handing = self.handing_until.is_some();
        let start = (self.worker.is_none() && !is_handing).then(|| self.patience.start_at());
        let half = half(self.times.deadline);
        let look = self
            .worker
            .as_ref()
            .and_then(|worker| worker.look_at(self.times.watchdog));
        let over = |worker: &Option<Worker>| worker.as_ref().and_then(|worker| worker.is_over_at(half));
        [
            self.lingers_until.filter(|_| !is_handing),
            self.handing_until,
            self.patience.ends_at().filter(|_| !is_handing),
            start,
            over(&self.worker),
            over(&self.next),
            look,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Starts a worker, which serves at once or when it is told to.
    fn start(&mut self, image: Image, at_once: bool, now: Instant) -> io::Result<Worker> {
        let control = self.control.as_ref().map(Control::listener);
        let turn = if at_once {
            Turn::AtOnce { control }
        } else {
            Turn::WhenTold
        };
        let worker = Worker::start(&mut self.template, image, handed(&self.kept, &self.shown), turn, now)?;
        self.count(Number::WorkersStarted);
        Ok(worker)
    }

    /// Counts where it is known to whoever keeps this next.
    fn count(&self, what: Number) {
        match Seen::open(self.kept.store()) {
            Ok(seen) => seen.add(what),
            Err(error) => tracing::debug!(%error, ?what, "not counted"),
        }
    }

    /// Starts another worker; when it is able to serve, the one that does now leaves.
    fn replace(&mut self) {
        if self.next.is_some()
            || self.handing_until.is_some()
            || self.worker.as_ref().is_none_or(|worker| worker.serves.is_none())
        {
            tracing::warn!("not replaced: a worker is being started anyway");
            notify::ready(self.shown.host());
            return;
        }
        tracing::info!("replacing the worker");
        notify::reloading();
        let now = Instant::now();
        match self.start(Image::OnDisk, false, now) {
            Ok(next) => self.next = Some(next),
            Err(error) => {
                tracing::error!(%error, "not replaced: a worker cannot be started");
                notify::ready(self.shown.host());
            }
        }
    }

    /// Hears everybody out.
    fn listen(&mut self) -> Result<Option<End>, crate::daemon::Error> {
        let now = Instant::now();
        while let Some(packet) = self.worker.as_mut().and_then(Worker::hear) {
            match packet.word {
                Word::Ended => return self.is_over(packet.number != 0).map(Some),
                Word::Ready => {
                    if let Some(worker) = &mut self.worker {
                        worker.serves = Some(now);
                    }
                    self.serves(packet)?;
                }
                word => self.passes_on(word, packet.number),
            }
        }
        while let Some(packet) = self.next.as_mut().and_then(Worker::hear) {
            if packet.word == Word::Able
                && let Some(worker) = &mut self.worker
            {
                // When it has, the next one is told to serve.
                worker.is_to_leave(now);
            }
        }
        if let Some(end) = self.count_the_dead()? {
            return Ok(Some(end));
        }
        self.hear_callers()
    }

    /// A worker serves.
    fn serves(&mut self, packet: Packet) -> Result<(), crate::daemon::Error> {
        self.patience.serves();
        self.has(packet.descriptors);
        if self.control.is_none() {
            self.control = Some(self.begun.begun()?);
        }
        tracing::info!("a worker serves");
        self.introduce();
        notify::ready(self.shown.host());
        Ok(())
    }

    /// The descriptors that a worker has now are those for the one after it.
    fn has(&mut self, descriptors: Vec<OwnedFd>) {
        let names = self.kept.descriptors().map(|(name, _)| name.to_owned());
        if descriptors.len() != names.len() {
            return;
        }
        match Kept::from_descriptors(names.into_iter().zip(descriptors).collect()) {
            Ok(kept) => self.kept = kept,
            Err(error) => tracing::warn!(%error, "what the worker has is not what it was given; that is kept"),
        }
    }

    /// Tells the worker of the control socket.
    fn introduce(&self) {
        if let (Some(worker), Some(control)) = (&self.worker, &self.control) {
            worker.tell(Word::Control, &[control.listener()]);
        }
    }

    fn passes_on(&self, word: Word, number: u32) {
        match word {
            Word::Reloaded => notify::ready(number != 0),
            Word::Shown => notify::shows(number != 0),
            _ => {}
        }
    }

    fn count_the_dead(&mut self) -> Result<Option<End>, crate::daemon::Error> {
        let now = Instant::now();
        if let Some(next) = &self.next
            && let Some(status) = next.ended()
        {
            tracing::error!(status = %Status(status), "the new worker did not begin; the old one goes on");
            self.next = None;
            self.count(Number::WorkersDied);
            notify::ready(self.shown.host());
        }
        let Some(status) = self.worker.as_ref().and_then(Worker::ended) else {
            return Ok(None);
        };
        let Some(worker) = self.worker.take() else {
            return Ok(None);
        };
        if !self.kept.is_alive() {
            let aborted = mounts::on_top(&self.kept.mountpoint())
                .is_ok_and(|top| top.is_some_and(|top| top.device.minor == self.minor()));
            return self.is_over(aborted).map(Some);
        }
        if !worker.leaves() || status.exit_status() != Some(0) {
            self.count(Number::WorkersDied);
        }
        match worker.serves {
            _ if worker.leaves() => self.patience.left(now),
            Some(since) => {
                tracing::warn!(status = %Status(status), "the worker has died; readers wait for another");
                self.patience.died(since, now);
            }
            None => {
                tracing::error!(status = %Status(status), image = ?worker.image, "a worker has ended before it served");
                self.patience.failed(now);
            }
        }
        self.worker = self.next.take();
        if let Some(worker) = &mut self.worker {
            worker.is_to_serve(now);
        }
        self.introduce();
        Ok(None)
    }

    fn hear_callers(&mut self) -> Result<Option<End>, crate::daemon::Error> {
        for _ in 0..WISHES {
            let Some(wish) = self.control.as_mut().and_then(Control::next) else {
                break;
            };
            match wish {
                Wish::TakeOver(caller) => self.hand(caller),
                Wish::Able(caller) if self.taking == Some(caller) && self.handing_until.is_none() => {
                    self.stop_serving(caller);
                }
                Wish::Ready(caller) if self.taking == Some(caller) && self.handing_until.is_some() => {
                    tracing::info!("somebody else serves");
                    notify::stopping("somebody else serves");
                    self.cannot_be_found();
                    self.answer(caller, Word::Done, 0);
                    let told = self.lingers_until.is_some();
                    return Ok(Some(End::HandedOver { told }));
                }
                Wish::Able(caller) | Wish::Ready(caller) => self.answer(caller, Word::Refused, Refusal::FAILED),
                Wish::Stop(caller) => {
                    self.answer(caller, Word::Done, 0);
                    if let Some(end) = self.end("stop")? {
                        return Ok(Some(end));
                    }
                }
                Wish::Unmount(caller) => {
                    self.answer(caller, Word::Done, 0);
                    tracing::info!("told to unmount");
                    return self.unmount().map(Some);
                }
                Wish::Status(caller) => self.say_status(caller),
                Wish::Gone(caller) => {
                    if self.taking == Some(caller) {
                        tracing::warn!("whoever was taking over has gone; all stays as it was");
                        self.take_back();
                    }
                }
            }
        }
        Ok(None)
    }

    /// Says what is done here.
    fn say_status(&mut self, caller: Caller) {
        let teller = Teller {
            kept: &self.kept,
            shown: &self.shown,
            started: self.started,
            is_kept: true,
            worker: self.worker.as_ref().map(|worker| worker.status(Instant::now())),
            gauges: None,
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

    /// Gives somebody the descriptors.
    fn hand(&mut self, caller: Caller) {
        let Some(control) = &self.control else {
            return;
        };
        // One that had to go for others says nothing more.
        let is_there = |taker| control.socket(taker).is_some();
        if self.handing_until.is_some() || self.taking.is_some_and(is_there) {
            self.answer(caller, Word::Refused, Refusal::BUSY);
            return;
        }
        let descriptors = handed(&self.kept, &self.shown);
        match control.answer(caller, Word::Prepared, 0, &descriptors) {
            Ok(()) => self.taking = Some(caller),
            Err(error) => tracing::warn!(%error, "cannot hand over"),
        }
    }

    /// Somebody else is to serve: nobody here does meanwhile.
    fn stop_serving(&mut self, caller: Caller) {
        tracing::info!("handing over");
        for worker in [self.next.take(), self.worker.take()].into_iter().flatten() {
            if !end_of(worker) {
                self.count(Number::WorkersDied);
            }
        }
        let now = Instant::now();
        self.patience.left(now);
        self.handing_until = Some(later(now, self.times.deadline));
        self.answer(caller, Word::Stopped, 0);
    }

    /// Nobody takes over any more.
    fn take_back(&mut self) {
        if let (Some(caller), Some(control)) = (self.taking.take(), &mut self.control) {
            control.hang_up(caller);
        }
        if self.handing_until.take().is_some() {
            self.patience.begins_anew(Instant::now());
        }
    }

    fn cannot_be_found(&mut self) {
        if let Some(control) = &self.control {
            control.remove();
        }
        self.begun.over();
    }

    /// A signal to end. `None`: not yet.
    fn end(&mut self, why: &str) -> Result<Option<End>, crate::daemon::Error> {
        if self.linger && self.lingers_until.is_none() {
            let deadline = self.times.deadline;
            tracing::info!(why, ?deadline, "serving on until somebody takes over");
            notify::stopping("serving until somebody takes over");
            self.lingers_until = Some(later(Instant::now(), deadline));
            return Ok(None);
        }
        tracing::info!(why, "unmounting");
        self.unmount().map(Some)
    }

    /// The worker says that there is nothing to serve any more.
    fn is_over(&mut self, aborted: bool) -> Result<End, crate::daemon::Error> {
        notify::stopping("ended");
        if !aborted {
            tracing::info!("unmounted by somebody else");
            return Ok(End::UnmountedByOthers);
        }
        self.detach();
        Err(KeepError::Aborted.into())
    }

    /// Nobody serves, and nobody will.
    fn give_up(&mut self) -> crate::daemon::Error {
        notify::stopping("nobody serves");
        let ended = KeepError::Deadline {
            deadline: self.times.deadline,
        };
        if self.control.is_none() && self.is_borrowed {
            // Whoever served before goes on.
            return ended.into();
        }
        if let Err(error) = self.kept.abort() {
            tracing::error!(%error, "cannot abort the connection");
        }
        self.detach();
        ended.into()
    }

    /// What is dead goes away.
    fn detach(&self) {
        if let Err(error) = mounts::unmount(&self.kept.mountpoint(), self.minor()) {
            tracing::warn!(%error, "cannot unmount what is dead");
        }
    }

    fn minor(&self) -> u32 {
        rustix::fs::minor(self.kept.device())
    }

    fn unmount(&mut self) -> Result<End, crate::daemon::Error> {
        notify::stopping("unmounting");
        mounts::unmount(&self.kept.mountpoint(), self.minor()).map_err(KeepError::Unmount)?;
        let until = later(Instant::now(), UNMOUNTING);
        while let Some(worker) = &self.worker {
            if worker.ended().is_some() {
                break;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let event = self.events.next_or(worker.descriptors().take(1), Some(left));
            if let Event::End(_) = event.map_err(KeepError::Signals)? {
                return Err(KeepError::Impatient.into());
            }
        }
        tracing::info!("ended");
        Ok(End::Unmounted)
    }
}

/// The name of the mail among the descriptors of a worker.
pub(crate) const MAIL: &str = "mail";

/// What is handed to whoever takes over, in this order.
pub(crate) fn handed<'a>(kept: &'a Kept, shown: &'a Shown) -> [BorrowedFd<'a>; 4] {
    let [(_, fuse), (_, requests), (_, store)] = kept.descriptors();
    [fuse, requests, store, shown.as_fd()]
}

/// So long one may take to begin; the other half is left for another.
fn half(deadline: Duration) -> Duration {
    deadline.checked_div(2).unwrap_or(deadline)
}

/// Has it leave, and waits for that. `false`: it had to be killed.
fn end_of(mut worker: Worker) -> bool {
    worker.is_to_leave(Instant::now());
    let leaves = worker.ends_within(LEAVING);
    if !leaves {
        worker.kill();
        worker.ends_within(LEAVING);
    }
    leaves
}
