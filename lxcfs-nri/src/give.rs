//! Containers that run already are given what they miss, one after another and beside the runtime's calls.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use crate::health::{Count, Health};
use crate::service::Stop;

/// How often containers that had to wait are tried again.
const AGAIN: Duration = Duration::from_secs(2);
/// How many words can wait for the worker. Each is a container that was started, or all that there were before.
const WORDS: usize = 4096;
/// How many containers can wait for the daemon.
const WAITING: usize = 65_536;

/// A container that runs, and the files that it should have.
///
/// ```
/// use lxcfs_nri::Running;
///
/// let container = Running {
///     id: "1f3c".to_owned(),
///     name: "web/nginx".to_owned(),
///     pid: 4711,
///     files: vec!["proc/meminfo", "proc/stat"],
/// };
/// assert!(container.files.contains(&"proc/stat"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// The runtime's name for it.
    pub id: String,
    /// Its pod and its own name, for the log.
    pub name: String,
    /// Its first process.
    pub pid: u32,
    /// The files.
    pub files: Vec<&'static str>,
}

/// What has become of it.
///
/// ```
/// use lxcfs_nri::Given;
///
/// let waits = Given::Later("the daemon does not answer".to_owned());
/// assert_ne!(waits, Given::All { new: 0 });
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// It has all files; so many of them are new.
    All {
        /// How many it has been given now.
        new: usize,
    },
    /// There is nothing to give now. It is asked again later.
    Later(String),
    /// It could not be done, and will not be tried again.
    No(String),
    /// The container is no more.
    Gone,
}

/// Who gives files to running containers.
///
/// ```
/// use lxcfs_nri::{Give, Given, Running};
///
/// /// Writes down who should be given what.
/// #[derive(Default)]
/// struct Rehearsal(Vec<String>);
///
/// impl Give for Rehearsal {
///     fn give(&mut self, container: &Running) -> Given {
///         self.0.push(format!("{}: {}", container.name, container.files.join(",")));
///         Given::All { new: container.files.len() }
///     }
/// }
///
/// let web = Running { id: "1f".to_owned(), name: "web".to_owned(), pid: 7, files: vec!["proc/stat"] };
/// let mut rehearsal = Rehearsal::default();
/// assert_eq!(rehearsal.give(&web), Given::All { new: 1 });
/// assert_eq!(rehearsal.0, ["web: proc/stat"]);
/// ```
pub trait Give: Send {
    /// Gives that container the files that it does not have, or that are dead in it. It must come to an end by itself.
    ///
    /// ```
    /// use lxcfs_nri::{Give, Given, Running};
    ///
    /// struct Nobody;
    ///
    /// impl Give for Nobody {
    ///     fn give(&mut self, container: &Running) -> Given {
    ///         Given::No(format!("{} is left alone", container.name))
    ///     }
    /// }
    ///
    /// let web = Running { id: "1f".to_owned(), name: "web".to_owned(), pid: 7, files: Vec::new() };
    /// assert_eq!(Nobody.give(&web), Given::No("web is left alone".to_owned()));
    /// ```
    fn give(&mut self, container: &Running) -> Given;

    /// Is told after each piece of work, in the same thread.
    ///
    /// ```
    /// use lxcfs_nri::{Give, Given, Running};
    ///
    /// /// Says after each piece of work how many containers have been given files.
    /// #[derive(Default)]
    /// struct Counted { given: u32, said: u32 }
    ///
    /// impl Give for Counted {
    ///     fn give(&mut self, _: &Running) -> Given {
    ///         self.given += 1;
    ///         Given::All { new: 1 }
    ///     }
    ///     fn after(&mut self) {
    ///         self.said = self.given;
    ///     }
    /// }
    ///
    /// let web = Running { id: "1f".to_owned(), name: "web".to_owned(), pid: 7, files: vec!["proc/stat"] };
    /// let mut counted = Counted::default();
    /// counted.give(&web);
    /// counted.after();
    /// assert_eq!(counted.said, 1);
    /// ```
    fn after(&mut self) {}
}

/// Where work is put.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    words: SyncSender<Vec<Running>>,
}

/// Who does it.
#[derive(Debug)]
pub(crate) struct Worker {
    words: Receiver<Vec<Running>>,
    waiting: BTreeMap<String, Running>,
    health: Arc<Health>,
}

/// A place to put work, and who does it.
pub(crate) fn work(health: Arc<Health>) -> (Work, Worker) {
    let (words, heard) = sync_channel(WORDS);
    let worker = Worker {
        words: heard,
        waiting: BTreeMap::new(),
        health,
    };
    (Work { words }, worker)
}

impl Work {
    /// Puts it there, without waiting; answers whether there was room.
    pub(crate) fn put(&self, containers: Vec<Running>) -> bool {
        self.words.try_send(containers).is_ok()
    }
}

impl Worker {
    /// Works until nobody can put work there any more, or it is told to stop.
    pub(crate) fn run(mut self, give: &mut dyn Give, stop: &Stop) {
        while !stop.is_told() {
            let word = if self.waiting.is_empty() {
                self.words.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                self.words.recv_timeout(AGAIN)
            };
            match word {
                Ok(containers) => {
                    for container in containers {
                        if stop.is_told() {
                            return;
                        }
                        self.give(give, container, true);
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.again(give),
                Err(RecvTimeoutError::Disconnected) => return,
            }
            give.after();
        }
    }

    /// Tries those that wait. If the first has to wait longer, so have the others.
    fn again(&mut self, give: &mut dyn Give) {
        while let Some((id, container)) = self.waiting.pop_first() {
            self.give(give, container, false);
            if self.waiting.contains_key(&id) {
                return;
            }
        }
    }

    fn give(&mut self, give: &mut dyn Give, container: Running, first: bool) {
        // A container that is started again has the same name.
        self.waiting.remove(&container.id);
        let (id, name) = (container.id.as_str(), container.name.as_str());
        match give.give(&container) {
            Given::All { new: 0 } => {
                self.health.count(Count::Given);
                tracing::debug!(id, name, "has its files already");
            }
            Given::All { new } => {
                self.health.count(Count::Given);
                tracing::info!(id, name, new, "given files while it runs");
            }
            Given::Gone => tracing::debug!(id, name, "has ended meanwhile"),
            Given::No(why) => {
                self.health.count(Count::NotGiven);
                tracing::warn!(id, name, why, "cannot be given files");
            }
            Given::Later(why) if self.waiting.len() < WAITING => {
                if first {
                    self.health.count(Count::Postponed);
                    tracing::warn!(id, name, why, "will be given files later");
                }
                self.waiting.insert(container.id.clone(), container);
            }
            Given::Later(why) => {
                self.health.count(Count::NotGiven);
                tracing::warn!(id, name, why, "cannot be given files, and too many wait already");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Answers what it was told to, and remembers who was given something.
    #[derive(Default)]
    struct Answers {
        answers: VecDeque<Given>,
        asked: Vec<String>,
    }

    impl Give for Answers {
        fn give(&mut self, container: &Running) -> Given {
            self.asked.push(container.id.clone());
            self.answers.pop_front().unwrap_or(Given::All { new: 1 })
        }
    }

    fn container(id: &str) -> Running {
        Running {
            id: id.to_owned(),
            name: String::new(),
            pid: 1,
            files: Vec::new(),
        }
    }

    #[test]
    fn who_had_to_wait_is_asked_again_until_it_is_done() {
        let health = Arc::new(Health::default());
        let (_work, mut worker) = work(Arc::clone(&health));
        let later = || Given::Later("no daemon".to_owned());
        let mut give = Answers {
            answers: [later(), later(), later()].into(),
            asked: Vec::new(),
        };
        worker.give(&mut give, container("a"), true);
        worker.give(&mut give, container("b"), true);
        // The first of them still has to wait: the other is not even asked.
        worker.again(&mut give);
        assert_eq!(give.asked, ["a", "b", "a"]);
        worker.again(&mut give);
        assert_eq!(give.asked, ["a", "b", "a", "a", "b"]);
        assert!(worker.waiting.is_empty());
        assert_eq!(health.counted(Count::Postponed), 2);
        assert_eq!(health.counted(Count::Given), 2);
    }

    #[test]
    fn what_cannot_be_done_is_not_tried_again() {
        let (_work, mut worker) = work(Arc::default());
        let mut give = Answers {
            answers: [Given::No("refused".to_owned()), Given::Gone].into(),
            asked: Vec::new(),
        };
        worker.give(&mut give, container("a"), true);
        worker.give(&mut give, container("b"), true);
        assert!(worker.waiting.is_empty());
        assert_eq!(worker.health.counted(Count::NotGiven), 1);
    }

    #[test]
    fn the_worker_ends_when_nobody_has_work_for_it() {
        let (work, worker) = work(Arc::default());
        assert!(work.put(vec![container("a"), container("b")]));
        drop(work);
        let mut give = Answers::default();
        worker.run(&mut give, &Stop::default());
        assert_eq!(give.asked, ["a", "b"]);
    }

    #[test]
    fn a_full_worker_is_not_waited_for() {
        let (work, _worker) = work(Arc::default());
        assert!((0..WORDS).all(|_| work.put(Vec::new())));
        assert!(!work.put(Vec::new()));
    }
}
