//! From a caller and a place in the tree to what is shown there, and what is done when that fails.
//!
//! A capture that fails is tried once more, with the container looked for anew: a runtime may be moving it. If that fails
//! too, the last good rendering is shown if it is younger than [`GOOD_FOR`]; else the reader gets an error. Never the
//! host's numbers. A panic is an error of one request.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use lxcfs_core::cgroup::Hierarchies;
use lxcfs_core::files::pressure_file;
use lxcfs_core::live::boot_time;
use lxcfs_core::state::SAMPLE_EVERY;
use lxcfs_core::{
    Container, ContainerView, Entry as DirectoryEntry, EntryKind, Fact, Pid, Place, TABLE, Text, ViewOptions,
    VirtualFile,
};

use crate::counters::{Counters, Counts, Gauges};
use crate::entry::{Entry, Rendering};
use crate::failure::Failure;
use crate::housekeeper::{Bell, House};
use crate::personality::Personality;
use crate::registry::{Budget, Found, Registry};
use crate::settings::Settings;
use crate::sources::Sources;
use crate::store::Store;
use crate::throttle::{Cause, Throttle};

/// How old a rendering may be that is shown because a new one cannot be had.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// How long a look at the tasks counts where the housekeeper looks every [`SAMPLE_EVERY`]: it may be late.
const TASKS_FRESH_FOR: Duration = SAMPLE_EVERY.saturating_mul(3);

/// What answers.
#[derive(Debug)]
pub(crate) struct Server {
    registry: Registry,
    sources: Sources,
    current: RwLock<Current>,
    counters: Counters,
    throttle: Throttle,
    bell: OnceLock<Arc<Bell>>,
    store: Arc<Store>,
    /// The places of the rows of [`TABLE`] in accounts.
    places: Vec<Option<usize>>,
}

/// Who asks, and whom to tell of which container he is as soon as that is known.
#[derive(Clone, Copy)]
pub(crate) struct Caller<'c> {
    pub(crate) pid: Pid,
    pub(crate) is_met: &'c dyn Fn(&Arc<Entry>),
}

impl Caller<'_> {
    /// Somebody of whom nobody wants to know which container he is.
    pub(crate) fn unheeded(pid: Pid) -> Self {
        Self { pid, is_met: &|_| {} }
    }
}

#[derive(Debug, Clone)]
struct Current {
    settings: Arc<Settings>,
    /// How often they have been changed: a rendering is shown again only under the settings it was made under.
    version: u64,
}

impl Server {
    pub(crate) fn new(hierarchies: Hierarchies, settings: Settings, budget: Budget, store: Arc<Store>) -> Self {
        Self {
            registry: Registry::new(hierarchies, budget, Arc::clone(&store)),
            sources: Sources::with_most(budget.files),
            current: RwLock::new(Current {
                settings: Arc::new(settings),
                version: 0,
            }),
            counters: Counters::of(&store),
            throttle: Throttle::default(),
            bell: OnceLock::new(),
            places: store.places(TABLE.iter().map(|row| row.path)),
            store,
        }
    }

    /// From now on the housekeeper is told of new containers.
    pub(crate) fn keep_house_with(&self, bell: Arc<Bell>) {
        let _ = self.bell.set(bell);
    }

    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.current().settings
    }

    pub(crate) fn set(&self, settings: Settings) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.settings = Arc::new(settings);
        current.version = current.version.wrapping_add(1);
    }

    fn current(&self) -> Current {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counters.counts()
    }

    pub(crate) fn gauges(&self) -> Gauges {
        let (containers, threads) = self.registry.counts();
        Gauges {
            containers,
            threads,
            files: self.sources.kept(),
        }
    }

    /// The text of a file, as the caller's container has it.
    pub(crate) fn text(&self, caller: Caller<'_>, place: Place<'_>) -> Result<Bytes, Failure> {
        self.counters.renderings.add();
        self.guarded(caller.pid, place, || {
            let current = self.current();
            let mut entry = self.find(caller)?;
            let row = place.below.is_empty().then_some(place.file);
            let personality = personality(caller.pid, place.file);
            let Some(row) = row.filter(|_| personality == Personality::default()) else {
                return self.produce(caller, &mut entry, &current, place, personality);
            };
            if let Some(text) = entry.shown(row, current.version, current.settings.coalesce) {
                self.counters.coalesced.add();
                return Ok(text);
            }
            let produced = self.produce(caller, &mut entry, &current, place, personality);
            match produced {
                Ok(text) => {
                    entry.show(row, Rendering::new(Instant::now(), current.version, text.clone()));
                    Ok(text)
                }
                Err(failure) if failure.is_an_answer() => Err(failure),
                Err(failure) => {
                    let good = entry.shown(row, current.version, GOOD_FOR).ok_or(failure)?;
                    self.counters.last_good.add();
                    Ok(good)
                }
            }
        })
    }

    /// What there is at a place on the host.
    pub(crate) fn kind_on_host(&self, place: Place<'_>) -> Result<EntryKind, Failure> {
        self.guarded(0, place, || {
            let host = Container::host(0);
            let source = self
                .sources
                .capture(&host.cgroups, Duration::ZERO, Personality::default());
            let options = ViewOptions {
                passthrough: self.settings().view.passthrough,
                ..ViewOptions::default()
            };
            let view = ContainerView::new(&source, &host, boot_time()).with_options(options);
            Ok(place.kind(&view)?)
        })
    }

    /// What is in a directory, as the caller's container has it.
    pub(crate) fn list(&self, caller: Caller<'_>, place: Place<'_>) -> Result<Vec<DirectoryEntry>, Failure> {
        self.asked(caller, place, |view| place.list(view))
    }

    /// The kernel's file on which a trigger for a pressure file is set, as the caller's container has it.
    pub(crate) fn pressure_file(&self, caller: Caller<'_>, place: Place<'_>) -> Result<PathBuf, Failure> {
        self.asked(caller, place, |view| pressure_file(view, place.file))
    }

    /// Where a link leads.
    pub(crate) fn read_link(&self, caller: Caller<'_>, place: Place<'_>) -> Result<PathBuf, Failure> {
        self.asked(caller, place, |view| place.read_link(view))
    }

    /// Asks the view of the caller's container for something that is not a rendering.
    fn asked<T>(
        &self,
        caller: Caller<'_>,
        place: Place<'_>,
        look: impl Fn(&ContainerView<'_>) -> Result<T, lxcfs_core::CaptureError>,
    ) -> Result<T, Failure> {
        self.guarded(caller.pid, place, || {
            let (current, mut entry) = (self.current(), self.find(caller)?);
            self.twice(caller, &mut entry, &current, Personality::default(), look)
        })
    }

    fn produce(
        &self,
        caller: Caller<'_>,
        entry: &mut Arc<Entry>,
        current: &Current,
        place: Place<'_>,
        personality: Personality,
    ) -> Result<Bytes, Failure> {
        if wants_tasks(place.file) {
            entry.want_tasks(boot_time());
            if let Some(bell) = self.bell.get().filter(|_| current.settings.view.loadavg) {
                bell.sample();
            }
        }
        self.twice(caller, entry, current, personality, |view| {
            let mut room = Text::with_capacity(4096);
            place.produce(view, &mut room)?;
            Ok(Bytes::copy_from_slice(&room.take()))
        })
    }

    /// Looks at a container, and if that fails once more at what is the caller's container then.
    fn twice<T>(
        &self,
        caller: Caller<'_>,
        entry: &mut Arc<Entry>,
        current: &Current,
        personality: Personality,
        look: impl Fn(&ContainerView<'_>) -> Result<T, lxcfs_core::CaptureError>,
    ) -> Result<T, Failure> {
        let once = |entry: &Entry| {
            let container = &entry.container;
            let settings = &current.settings;
            let source = self.sources.capture(&container.cgroups, settings.coalesce, personality);
            let view = ContainerView::new(&source, container, boot_time())
                .with_options(settings.view)
                .with_remembered(&entry.remembered)
                .with_tasks_fresh_for(tasks_fresh_for(settings));
            look(&view).map_err(Failure::from)
        };
        let answer = match once(entry) {
            Err(failure) if !failure.is_an_answer() => {
                self.counters.retries.add();
                *entry = self.met(caller, self.registry.find_again(caller.pid)?);
                once(entry)
            }
            answer => answer,
        };
        entry.save(&self.store);
        answer
    }

    fn find(&self, caller: Caller<'_>) -> Result<Arc<Entry>, Failure> {
        Ok(self.met(caller, self.registry.find(caller.pid)?))
    }

    /// Somebody who is met for the first time is watched from now on.
    fn met(&self, caller: Caller<'_>, found: Found) -> Arc<Entry> {
        (caller.is_met)(&found.entry);
        if found.is_new {
            if !found.entry.is_restored() {
                // First: what is counted and not written down would be met, and counted, once more by the next process.
                found.entry.save(&self.store);
                self.counters.containers_met.add();
            }
            for _ in 0..self.registry.dropped() {
                self.counters.containers_gone.add();
            }
            if let Some(bell) = self.bell.get() {
                bell.watch(&found.entry);
            }
        }
        found.entry
    }

    /// Logs what goes wrong; a panic is an error of this request only.
    fn guarded<T>(
        &self,
        caller: Pid,
        place: Place<'_>,
        work: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(Failure::Panic(message(&*panic))));
        if let Err(failure) = &result {
            self.failed(caller, place, failure);
        }
        result
    }

    /// A text of that row is shown, which its reader has waited for that long.
    pub(crate) fn has_shown(&self, entry: &Entry, row: &'static VirtualFile, waited: Duration) {
        let row = TABLE.iter().position(|one| std::ptr::eq(one, row));
        let place = row.and_then(|row| *self.places.get(row)?);
        self.store.count_read_of_all(place);
        self.store.count_time_of_all(nanos(waited));
        if let Some(account) = entry.account() {
            self.store.count_read(account, place, nanos(waited), entry.used());
        }
    }

    /// A request is answered with this failure: whose it is, if that is known. Of one that was answered before, this is not
    /// said.
    pub(crate) fn has_failed(&self, entry: Option<&Entry>, failure: &Failure) {
        if failure.is_an_answer() {
            return self.counters.refused.add();
        }
        self.counters.failures.add();
        self.count_error(entry, None);
    }

    /// A request is answered by the watchdog: whose it is, if that is known, and how long its reader has waited for a text.
    pub(crate) fn is_late(&self, entry: Option<&Entry>, waited: Option<Duration>) {
        self.counters.failures.add();
        self.counters.deadlines.add();
        if let Some(waited) = waited {
            self.store.count_time_of_all(nanos(waited));
        }
        self.count_error(entry, waited);
    }

    fn count_error(&self, entry: Option<&Entry>, waited: Option<Duration>) {
        if let Some(entry) = entry
            && let Some(account) = entry.account()
        {
            self.store.count_error(account, waited.map(nanos), entry.used());
        }
    }

    /// Logs that a request was answered by the watchdog.
    pub(crate) fn was_late(&self) {
        let failure = Failure::Deadline;
        if let Some(suppressed) = self.complains(&failure, 0) {
            tracing::warn!(cause = failure.cause(), suppressed, "{failure}");
        }
    }

    /// Logs a failure, and counts panics: also those of requests that have been answered before.
    fn failed(&self, caller: Pid, place: Place<'_>, failure: &Failure) {
        let file = format!("{}/{}", place.file.path, place.below);
        let file = file.trim_end_matches('/');
        // It may name a cgroup, which a container has named: that is to stay in its line.
        let said = failure.to_string().replace(char::is_control, "?");
        if failure.is_an_answer() {
            tracing::debug!(caller, file, "{said}");
            return;
        }
        if let Failure::Panic(_) = failure {
            self.counters.panics.add();
        }
        // Whose it is may be what could not be found out.
        let container = self.registry.known(caller).map_or(0, |entry| entry.id);
        if let Some(suppressed) = self.complains(failure, container) {
            tracing::warn!(caller, container, file, cause = failure.cause(), suppressed, "{said}");
        }
    }

    /// Whether a failure is to be logged, and how many of its kind have not been.
    fn complains(&self, failure: &Failure, container: u64) -> Option<u64> {
        let what = failure.cause();
        self.throttle.allow(Cause { what, container }, boot_time())
    }

    /// Gives back what nobody would be shown again.
    pub(crate) fn tidy(&self) {
        let shown_for = GOOD_FOR.max(self.settings().coalesce);
        self.sources.drop_stale(shown_for);
        self.store.tidy();
        for entry in self.registry.all() {
            entry.drop_stale(shown_for);
        }
    }
}

impl House for Server {
    fn take_over(&self, bell: &Bell) {
        let (met, gone) = self.registry.meet_left();
        for entry in &met {
            bell.watch(entry);
        }
        for _ in 0..gone {
            self.counters.containers_gone.add();
        }
        if !met.is_empty() || gone > 0 {
            tracing::info!(
                containers = met.len(),
                gone,
                "goes on with the containers that were known"
            );
        }
    }

    fn containers(&self) -> Vec<Arc<Entry>> {
        self.registry.all()
    }

    fn forget(&self, id: u64) {
        for entry in self.registry.forget(id) {
            self.counters.containers_gone.add();
            self.sources.forget(&entry.container.cgroups);
        }
    }

    fn look_at_tasks(&self, entry: &Entry) {
        let current = self.current();
        let container = &entry.container;
        let source = self
            .sources
            .capture(&container.cgroups, current.settings.coalesce, Personality::default());
        let view = ContainerView::new(&source, container, boot_time())
            .with_options(current.settings.view)
            .with_remembered(&entry.remembered)
            .with_tasks_fresh_for(Duration::ZERO);
        let looked = catch_unwind(AssertUnwindSafe(|| view.load()));
        entry.save(&self.store);
        if !matches!(looked, Ok(Ok(_))) {
            // A read will say why; this was nobody's request.
            tracing::debug!(container = entry.id, "cannot look at the tasks of a container");
        }
    }

    fn samples(&self) -> bool {
        self.settings().view.loadavg
    }
}

/// Without a housekeeper that looks, a look counts for as long as its interval.
fn tasks_fresh_for(settings: &Settings) -> Duration {
    if settings.view.loadavg {
        TASKS_FRESH_FOR
    } else {
        SAMPLE_EVERY
    }
}

/// Whether a row is made from the tasks of the container.
fn wants_tasks(row: &VirtualFile) -> bool {
    row.lines.iter().any(|line| line.from.contains(&Fact::Tasks))
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// What the kernel's text depends on, if it does.
fn personality(caller: Pid, row: &VirtualFile) -> Personality {
    if Personality::MATTERS && row.path == "proc/cpuinfo" {
        Personality::of(caller)
    } else {
        Personality::default()
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

#[cfg(test)]
mod tests;
