//! The plugin of a node: connected to its runtime, and connected again when that comes back.

use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::connection::converse;
use crate::error::Error;
use crate::give::{Give, work};
use crate::health::{Count, Health};
use crate::plugin::Plugin;
use crate::policy::Policy;
use crate::sources::Sources;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Who the plugin is, and whose.
///
/// ```
/// use lxcfs_nri::{ByDefault, Options, Policy};
///
/// let options = Options {
///     socket: "/var/run/nri/nri.sock".into(),
///     name: "lxcfs".to_owned(),
///     index: "10".to_owned(),
///     policy: Policy { default: ByDefault::Inject, ..Policy::default() },
/// };
/// assert_eq!(options.index.len(), 2);
/// ```
#[derive(Debug, Clone)]
pub struct Options {
    /// The runtime's socket.
    pub socket: PathBuf,
    /// The plugin's name.
    pub name: String,
    /// Two digits: plugins are called in this order.
    pub index: String,
    /// Which containers get what.
    pub policy: Policy,
}

/// Tells the plugin to end. Its clones tell the same plugin.
///
/// ```
/// use lxcfs_nri::Stop;
///
/// let stop = Stop::default();
/// let of_a_signal = stop.clone();
/// of_a_signal.stop();
/// assert!(stop.is_told());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<(Mutex<Stopping>, Condvar)>);

#[derive(Debug, Default)]
struct Stopping {
    told: bool,
    connection: Option<UnixStream>,
}

impl Stop {
    /// The plugin ends soon, whatever it does or waits for.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lxcfs_nri::Stop;
    ///
    /// let stop = Stop::default();
    /// stop.stop();
    /// // It waits no longer.
    /// stop.wait(Duration::from_secs(3600));
    /// ```
    pub fn stop(&self) {
        let mut stopping = self.lock();
        stopping.told = true;
        if let Some(connection) = stopping.connection.take() {
            // It fails if the other side was faster.
            let _ = connection.shutdown(Shutdown::Both);
        }
        self.0.1.notify_all();
    }

    /// Whether it was told to.
    ///
    /// ```
    /// use lxcfs_nri::Stop;
    ///
    /// let stop = Stop::default();
    /// assert!(!stop.is_told());
    /// stop.stop();
    /// assert!(stop.is_told());
    /// ```
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.lock().told
    }

    fn lock(&self) -> MutexGuard<'_, Stopping> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be shut down; answers whether to go on.
    fn has(&self, connection: Option<UnixStream>) -> bool {
        let mut stopping = self.lock();
        stopping.connection = connection;
        !stopping.told
    }

    /// Waits that long, or until it is told.
    ///
    /// ```
    /// use std::thread;
    /// use std::time::Duration;
    /// use lxcfs_nri::Stop;
    ///
    /// let stop = Stop::default();
    /// let waits = thread::spawn({
    ///     let stop = stop.clone();
    ///     move || stop.wait(Duration::from_secs(3600))
    /// });
    /// stop.stop();
    /// waits.join().unwrap();
    /// ```
    pub fn wait(&self, pause: Duration) {
        let told = self
            .0
            .1
            .wait_timeout_while(self.lock(), pause, |stopping| !stopping.told);
        drop(told);
    }
}

/// Is the plugin until it is told to end. A runtime that is not there, or ends, is waited for.
///
/// # Errors
///
/// No thread can be started.
///
/// ```
/// use std::sync::Arc;
/// use lxcfs_nri::{Available, Give, Given, Health, Options, Policy, Running, Sources, Stop, Unavailable, run};
///
/// struct Nothing;
///
/// impl Sources for Nothing {
///     fn look(&mut self) -> Result<Available, Unavailable> {
///         Err(Unavailable::NotThere("/var/lib/lxcfs".to_owned()))
///     }
/// }
///
/// impl Give for Nothing {
///     fn give(&mut self, _: &Running) -> Given {
///         Given::Gone
///     }
/// }
///
/// let options = Options {
///     socket: "/var/run/nri/nri.sock".into(),
///     name: "lxcfs".to_owned(),
///     index: "10".to_owned(),
///     policy: Policy::default(),
/// };
/// let stop = Stop::default();
/// // A signal handler does that; here it is told before it begins.
/// stop.stop();
/// run(&options, &mut Nothing, &mut Nothing, &Arc::new(Health::default()), &stop).unwrap();
/// ```
pub fn run(
    options: &Options,
    sources: &mut dyn Sources,
    give: &mut dyn Give,
    health: &Arc<Health>,
    stop: &Stop,
) -> std::io::Result<()> {
    let (work, worker) = work(Arc::clone(health));
    thread::scope(|scope| {
        thread::Builder::new()
            .name("give".to_owned())
            .spawn_scoped(scope, move || worker.run(give, stop))?;
        let mut pause = FIRST_PAUSE;
        let mut last = String::new();
        while !stop.is_told() {
            let mut plugin = Plugin::new(&options.policy, sources, &work, health);
            let error = connect(options, &mut plugin, stop);
            let was_taken = plugin.is_configured();
            if stop.is_told() {
                break;
            }
            health.count(Count::Disconnected);
            let error = error.to_string();
            // The same again and again would fill the log.
            if was_taken || error != last {
                tracing::warn!(error, "no runtime: trying again until there is one");
            }
            last = error;
            pause = if was_taken {
                FIRST_PAUSE
            } else {
                pause.saturating_mul(2).min(LONGEST_PAUSE)
            };
            stop.wait(pause);
        }
        tracing::info!("ended");
        // The worker ends when nobody can put work there any more.
        drop(work);
        Ok(())
    })
}

fn connect(options: &Options, plugin: &mut Plugin<'_>, stop: &Stop) -> Error {
    let connected = UnixStream::connect(&options.socket).and_then(|stream| Ok((stream.try_clone()?, stream)));
    let (other, stream) = match connected {
        Ok(both) => both,
        Err(cause) => {
            let path = options.socket.clone();
            return Error::Connect { path, cause };
        }
    };
    if !stop.has(Some(other)) {
        return Error::Closed;
    }
    let error = converse(&stream, &options.name, &options.index, plugin);
    stop.has(None);
    error
}
