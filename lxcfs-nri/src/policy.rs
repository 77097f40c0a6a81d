//! Which containers get which files: what their annotations ask for, and else the node's default.

use std::collections::BTreeMap;

use lxcfs_core::inject::{is_named, mounted_files};

use crate::messages::{Container, PodSandbox};

/// `"true"` or `"false"`: whether the pod's containers get files.
pub const INJECT: &str = "lxcfs.io/inject";
/// Which files, such as `"cpuinfo,meminfo"`.
pub const FILES_OF: &str = "lxcfs.io/files";
/// What stands between one of these and the name of a container that it is for, on a pod.
const OF_CONTAINER: &str = ".container.";
/// What lxcfs-initializer looked at.
pub const LEGACY: &str = "initializer.kubernetes.io/lxcfs";

/// What containers get whose annotations say nothing.
///
/// ```
/// use lxcfs_nri::policy::{Choice, Why};
/// use lxcfs_nri::{ByDefault, Container, Policy, PodSandbox};
///
/// let (pod, container) = (PodSandbox::default(), Container::default());
/// let choice = |default| Policy { default, ..Policy::default() }.choose(&pod, &container, &mut Vec::new());
/// assert_eq!(choice(ByDefault::Skip), Choice::Skip(Why::Default));
/// assert!(matches!(choice(ByDefault::Inject), Choice::Give(_)));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ByDefault {
    /// All files.
    Inject,
    /// None.
    #[default]
    Skip,
}

/// The node's own rules.
///
/// ```
/// use lxcfs_nri::policy::Choice;
/// use lxcfs_nri::{ByDefault, Container, Policy, PodSandbox};
///
/// let policy = Policy {
///     default: ByDefault::Inject,
///     skip_namespaces: vec!["kube-system".to_owned()],
///     without: vec!["loadavg".to_owned()],
///     ..Policy::default()
/// };
/// let pod = |namespace: &str| PodSandbox { namespace: namespace.to_owned(), ..PodSandbox::default() };
/// let choice = |pod| policy.choose(&pod, &Container::default(), &mut Vec::new());
/// assert!(matches!(choice(pod("kube-system")), Choice::Skip(_)));
/// assert!(matches!(choice(pod("shop")), Choice::Give(files) if !files.contains(&"proc/loadavg")));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// For containers that say nothing.
    pub default: ByDefault,
    /// Kinds of containers that are never given files, such as `kata*`: there, who reads is not in the container's cgroup.
    pub skip_runtimes: Vec<String>,
    /// Namespaces of Kubernetes in which containers that say nothing are given no files.
    pub skip_namespaces: Vec<String>,
    /// Names of files that are never given.
    pub without: Vec<String>,
}

/// What a container gets.
///
/// ```
/// use lxcfs_nri::policy::{Choice, FILES_OF, INJECT};
/// use lxcfs_nri::{Container, Policy, PodSandbox};
///
/// let says = [(INJECT, "true"), (FILES_OF, "meminfo")].map(|(key, value)| (key.to_owned(), value.to_owned()));
/// let pod = PodSandbox { annotations: says.into(), ..PodSandbox::default() };
/// let choice = Policy::default().choose(&pod, &Container::default(), &mut Vec::new());
/// assert_eq!(choice, Choice::Give(vec!["proc/meminfo"]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// These files.
    Give(Vec<&'static str>),
    /// None.
    Skip(Why),
}

/// Why a container gets no files.
///
/// ```
/// use lxcfs_nri::policy::{Choice, INJECT, Why};
/// use lxcfs_nri::{ByDefault, Container, Policy, PodSandbox};
///
/// let policy = Policy { default: ByDefault::Inject, ..Policy::default() };
/// let pod = PodSandbox { annotations: [(INJECT.to_owned(), "false".to_owned())].into(), ..PodSandbox::default() };
/// assert_eq!(policy.choose(&pod, &Container::default(), &mut Vec::new()), Choice::Skip(Why::Annotation));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// An annotation says so.
    Annotation,
    /// The node's default says so.
    Default,
    /// It is not of a kind that can see itself in them.
    Runtime,
}

/// A value of an annotation that nobody understands.
///
/// ```
/// use lxcfs_nri::policy::{INJECT, NotUnderstood};
/// use lxcfs_nri::{Container, Policy, PodSandbox};
///
/// let pod = PodSandbox { annotations: [(INJECT.to_owned(), "yes".to_owned())].into(), ..PodSandbox::default() };
/// let mut odd = Vec::new();
/// let _ = Policy::default().choose(&pod, &Container::default(), &mut odd);
/// assert_eq!(odd, [NotUnderstood { key: INJECT.to_owned(), value: "yes".to_owned() }]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotUnderstood {
    /// The annotation.
    pub key: String,
    /// Its value, or the part of it.
    pub value: String,
}

impl Policy {
    /// What that container gets. Values that are not understood are put into `odd`, and count as if they were not there.
    ///
    /// ```
    /// use lxcfs_nri::policy::{Choice, INJECT, Why};
    /// use lxcfs_nri::{Container, Policy, PodSandbox};
    ///
    /// // Of one container of a pod.
    /// let annotations = [(format!("{INJECT}.container.nginx"), "true".to_owned())].into();
    /// let pod = PodSandbox { annotations, ..PodSandbox::default() };
    /// let container = |name: &str| Container { name: name.to_owned(), ..Container::default() };
    /// let choice = |name| Policy::default().choose(&pod, &container(name), &mut Vec::new());
    /// assert!(matches!(choice("nginx"), Choice::Give(_)));
    /// assert_eq!(choice("sidecar"), Choice::Skip(Why::Default));
    /// ```
    #[must_use]
    pub fn choose(&self, pod: &PodSandbox, container: &Container, odd: &mut Vec<NotUnderstood>) -> Choice {
        if self
            .skip_runtimes
            .iter()
            .any(|kind| matches(kind, &pod.runtime_handler))
        {
            return Choice::Skip(Why::Runtime);
        }
        let said = Said { pod, container };
        match said.inject(odd) {
            Some(true) => {}
            Some(false) => return Choice::Skip(Why::Annotation),
            None if self.default == ByDefault::Skip || self.skip_namespaces.contains(&pod.namespace) => {
                return Choice::Skip(Why::Default);
            }
            None => {}
        }
        let mut files: Vec<_> = match said.about(FILES_OF).next() {
            Some((key, names)) => listed(&key, names, odd),
            None => mounted_files().collect(),
        };
        files.retain(|file| !self.without.iter().any(|name| is_named(file, name)));
        Choice::Give(files)
    }
}

/// What a container and its pod say.
struct Said<'a> {
    pod: &'a PodSandbox,
    container: &'a Container,
}

impl<'a> Said<'a> {
    /// What is said about `key`, with the key that it was said by: what counts first comes first.
    fn about(&self, key: &str) -> impl Iterator<Item = (String, &'a str)> + use<'a> {
        let Self { pod, container } = *self;
        let of_container = format!("{key}{OF_CONTAINER}{}", container.name);
        let found = |from: &'a BTreeMap<String, String>, key: &str| {
            let (key, value) = from.get_key_value(key)?;
            Some((key.clone(), value.as_str()))
        };
        [
            found(&pod.annotations, &of_container),
            found(&container.annotations, key),
            // Docker has no annotations but labels.
            found(&container.labels, key),
            found(&pod.annotations, key),
        ]
        .into_iter()
        .flatten()
    }

    fn inject(&self, odd: &mut Vec<NotUnderstood>) -> Option<bool> {
        for (key, value) in self.about(INJECT).chain(self.about(LEGACY)) {
            match value.trim() {
                "true" => return Some(true),
                "false" => return Some(false),
                _ => odd.push(NotUnderstood {
                    key,
                    value: value.to_owned(),
                }),
            }
        }
        None
    }
}

fn listed(key: &str, names: &str, odd: &mut Vec<NotUnderstood>) -> Vec<&'static str> {
    let mut chosen = Vec::new();
    for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let mut found = mounted_files().filter(|file| is_named(file, name)).peekable();
        if found.peek().is_none() {
            odd.push(NotUnderstood {
                key: key.to_owned(),
                value: name.to_owned(),
            });
        }
        chosen.extend(found.filter(|file| !chosen.contains(file)).collect::<Vec<_>>());
    }
    chosen
}

/// Whether that is the kind; a `*` at its end stands for anything.
fn matches(kind: &str, handler: &str) -> bool {
    kind.strip_suffix('*')
        .map_or(kind == handler, |start| handler.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(annotations: &[(&str, &str)]) -> PodSandbox {
        PodSandbox {
            namespace: "shop".to_owned(),
            annotations: map(annotations),
            ..PodSandbox::default()
        }
    }

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn container() -> Container {
        Container {
            name: "web".to_owned(),
            ..Container::default()
        }
    }

    fn names(choice: &Choice) -> Vec<&'static str> {
        let Choice::Give(files) = choice else {
            panic!("{choice:?}")
        };
        files.clone()
    }

    fn choose(policy: &Policy, pod: &PodSandbox, container: &Container) -> Choice {
        let mut odd = Vec::new();
        let choice = policy.choose(pod, container, &mut odd);
        assert_eq!(odd, []);
        choice
    }

    #[test]
    fn a_container_that_says_nothing_gets_what_the_node_gives() {
        let mut policy = Policy::default();
        assert_eq!(choose(&policy, &pod(&[]), &container()), Choice::Skip(Why::Default));
        policy.default = ByDefault::Inject;
        assert_eq!(
            names(&choose(&policy, &pod(&[]), &container())).len(),
            mounted_files().count()
        );
        policy.skip_namespaces = vec!["shop".to_owned()];
        assert_eq!(choose(&policy, &pod(&[]), &container()), Choice::Skip(Why::Default));
        // A pod that asks is given them there too.
        assert!(!names(&choose(&policy, &pod(&[(INJECT, "true")]), &container())).is_empty());
    }

    #[test]
    fn an_annotation_counts_before_the_default() {
        let policy = Policy::default();
        assert!(!names(&choose(&policy, &pod(&[(INJECT, "true")]), &container())).is_empty());
        let policy = Policy {
            default: ByDefault::Inject,
            ..Policy::default()
        };
        assert_eq!(
            choose(&policy, &pod(&[(INJECT, "false")]), &container()),
            Choice::Skip(Why::Annotation)
        );
    }

    #[test]
    fn what_is_said_of_one_container_counts_before_what_is_said_of_all() {
        let policy = Policy::default();
        let said = pod(&[(INJECT, "true"), ("lxcfs.io/inject.container.web", "false")]);
        assert_eq!(choose(&policy, &said, &container()), Choice::Skip(Why::Annotation));
        let other = Container {
            name: "log".to_owned(),
            ..Container::default()
        };
        assert!(!names(&choose(&policy, &said, &other)).is_empty());
    }

    #[test]
    fn a_container_can_have_annotations_and_labels_of_its_own() {
        let policy = Policy::default();
        for own in [true, false] {
            let mut container = container();
            let of = if own {
                &mut container.annotations
            } else {
                &mut container.labels
            };
            *of = map(&[(INJECT, "true"), (FILES_OF, "uptime")]);
            assert_eq!(names(&choose(&policy, &pod(&[]), &container)), ["proc/uptime"]);
        }
    }

    #[test]
    fn the_annotation_of_lxcfs_initializer_is_understood() {
        let policy = Policy::default();
        assert!(!names(&choose(&policy, &pod(&[(LEGACY, "true")]), &container())).is_empty());
        let both = pod(&[(LEGACY, "true"), (INJECT, "false")]);
        assert_eq!(choose(&policy, &both, &container()), Choice::Skip(Why::Annotation));
    }

    #[test]
    fn files_can_be_chosen_for_all_and_for_one() {
        let policy = Policy::default();
        let all = pod(&[(INJECT, "true"), (FILES_OF, " meminfo, cpuinfo,meminfo,, pressure")]);
        assert_eq!(
            names(&choose(&policy, &all, &container())),
            [
                "proc/meminfo",
                "proc/cpuinfo",
                "proc/pressure/cpu",
                "proc/pressure/io",
                "proc/pressure/irq",
                "proc/pressure/memory"
            ]
        );
        let one = pod(&[
            (INJECT, "true"),
            (FILES_OF, "meminfo"),
            ("lxcfs.io/files.container.web", "sys-cpu"),
        ]);
        assert_eq!(names(&choose(&policy, &one, &container())), ["sys/devices/system/cpu"]);
        let policy = Policy {
            without: vec!["pressure".to_owned()],
            ..policy
        };
        assert_eq!(
            names(&choose(&policy, &all, &container())),
            ["proc/meminfo", "proc/cpuinfo"]
        );
    }

    #[test]
    fn what_is_not_understood_is_told_and_counts_as_not_said() {
        let policy = Policy::default();
        let mut odd = Vec::new();
        let said = pod(&[
            ("lxcfs.io/inject.container.web", "perhaps"),
            (INJECT, "true"),
            (FILES_OF, "meminfo,memory"),
        ]);
        let choice = policy.choose(&said, &container(), &mut odd);
        assert_eq!(names(&choice), ["proc/meminfo"]);
        let odd: Vec<_> = odd.iter().map(|one| (one.key.as_str(), one.value.as_str())).collect();
        assert_eq!(
            odd,
            [("lxcfs.io/inject.container.web", "perhaps"), (FILES_OF, "memory")]
        );
    }

    #[test]
    fn virtual_machines_are_left_alone_whatever_they_say() {
        let policy = Policy {
            default: ByDefault::Inject,
            skip_runtimes: vec!["kata*".to_owned(), "runsc".to_owned()],
            ..Policy::default()
        };
        let choice = |handler: &str| {
            let pod = PodSandbox {
                runtime_handler: handler.to_owned(),
                ..pod(&[(INJECT, "true")])
            };
            choose(&policy, &pod, &container())
        };
        for machine in ["kata", "kata-qemu", "runsc"] {
            assert_eq!(choice(machine), Choice::Skip(Why::Runtime), "{machine}");
        }
        for other in ["", "runc", "runsc-x", "crun"] {
            assert!(!names(&choice(other)).is_empty(), "{other}");
        }
    }
}
