//! What the example for Kubernetes says of the daemon's container: the test plays that, and nothing of its own.

use std::path::PathBuf;

/// The container of that name in the DaemonSet.
pub(crate) struct Container {
    /// The words of its command and their arguments.
    pub(crate) words: Vec<String>,
    /// The words by which the kubelet asks whether it is ready.
    pub(crate) probe: Vec<String>,
    /// The mounts: volume, place, propagation.
    pub(crate) mounts: Vec<[String; 3]>,
    /// How long its pod is given to end, in seconds.
    pub(crate) grace: u64,
}

/// Reads the form in which the example is written; another one fails the test.
pub(crate) fn daemon() -> Container {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/kubernetes/daemonset.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    for line in ["hostPID: true", "privileged: true", "maxUnavailable: 0", "maxSurge: 1"] {
        assert!(text.lines().any(|one| one.trim() == line), "no line {line}");
    }
    let grace = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("terminationGracePeriodSeconds: "));
    let (_, after) = text.split_once("- name: daemon\n").unwrap();
    let (container, _) = after.split_once("- name: nri\n").unwrap();
    let lines = || container.lines().map(str::trim);
    let command = lines().find_map(|line| line.strip_prefix("command: [")?.strip_suffix(']'));
    let probe = lines().find_map(|line| line.strip_prefix("exec: {command: [")?.strip_suffix("]}"));
    let arguments = lines().skip_while(|line| *line != "args:").skip(1);
    let arguments = arguments.map_while(|line| line.strip_prefix("- "));
    let mounts = lines().filter_map(|line| line.strip_prefix("- {name: ")?.strip_suffix('}'));
    let mounts = mounts.map(|line| {
        let (name, rest) = line.split_once(", mountPath: ").unwrap();
        let (place, propagation) = rest.split_once(", mountPropagation: ").unwrap();
        [name, place, propagation].map(str::to_owned)
    });
    let found = Container {
        words: std::iter::once(command.unwrap())
            .chain(arguments)
            .map(str::to_owned)
            .collect(),
        probe: probe.unwrap().split(", ").map(str::to_owned).collect(),
        mounts: mounts.collect(),
        grace: grace.unwrap().parse().unwrap(),
    };
    assert!(
        found.words.len() > 3 && found.mounts.len() == 2,
        "{:?} {:?}",
        found.words,
        found.mounts
    );
    found
}
