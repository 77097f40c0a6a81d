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
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<(Mutex<Stopping>, Condvar)>);

#[derive(Debug, Default)]
struct Stopping {
    told: bool,
    connection: Option<UnixStream>,
}

impl Stop {
    /// The plugin ends soon, whatever it does or waits for.
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
