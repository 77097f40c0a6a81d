//! The plugin before a runtime that is as strict as the real ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]
#![allow(clippy::disallowed_methods, reason = "tests of a running plugin")]

mod runtime;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use lxcfs_nri::messages::{
    Container, ContainerRequest, CreateContainerResponse, Mount, POST_START_CONTAINER, PodSandbox, RUNNING,
    StateChangeEvent, SynchronizeRequest,
};
use lxcfs_nri::ttrpc::code;
use lxcfs_nri::{
    Available, ByDefault, Count, EVENTS, Give, Given, Health, Options, Policy, Running, Sources, Stop, Unavailable,
};
use lxcfs_testing::{PATIENCE, becomes_true, wait_until};
use prost::Message as _;
use tempfile::TempDir;

use runtime::{Dropped, Link, Runtime};

/// What there is to mount, as a test says.
struct Says(Result<Available, Unavailable>);

impl Sources for Says {
    fn look(&mut self) -> Result<Available, Unavailable> {
        self.0.clone()
    }
}

/// Remembers what it was told to give.
#[derive(Clone, Default)]
struct Remembers(Arc<Mutex<Vec<Running>>>);

impl Give for Remembers {
    fn give(&mut self, container: &Running) -> Given {
        self.0.lock().unwrap().push(container.clone());
        Given::All { new: 1 }
    }
}

impl Remembers {
    /// Waits until that many containers have been given files.
    fn wait(&self, count: usize) -> Vec<Running> {
        wait_until("containers have been given files", || {
            self.0.lock().unwrap().len() >= count
        });
        self.0.lock().unwrap().clone()
    }
}

/// A plugin that runs, and ends with its drop.
struct Plugin {
    given: Remembers,
    health: Arc<Health>,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Plugin {
    fn start(socket: &Path, policy: Policy, sources: Result<Available, Unavailable>) -> Self {
        let given = Remembers::default();
        let health = Arc::new(Health::default());
        let stop = Stop::default();
        let options = Options {
            socket: socket.to_owned(),
            name: "lxcfs".to_owned(),
            index: "10".to_owned(),
            policy,
        };
        let (mut give, counts, told) = (given.clone(), Arc::clone(&health), stop.clone());
        let thread = thread::spawn(move || {
            lxcfs_nri::run(&options, &mut Says(sources), &mut give, &counts, &told).unwrap();
        });
        Self {
            given,
            health,
            stop,
            thread: Some(thread),
        }
    }

    /// Tells it to end; answers whether it does.
    fn ends(&mut self) -> bool {
        self.stop.stop();
        let thread = self.thread.take().unwrap();
        becomes_true(PATIENCE, || thread.is_finished()) && thread.join().is_ok()
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

/// A runtime, and a plugin that is about to connect to it.
struct Rig {
    runtime: Runtime,
    plugin: Plugin,
    _dir: TempDir,
}

impl Rig {
    fn with(policy: Policy, sources: Result<Available, Unavailable>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let runtime = Runtime::at(&dir.path().join("nri.sock"));
        let plugin = Plugin::start(runtime.socket(), policy, sources);
        Self {
            runtime,
            plugin,
            _dir: dir,
        }
    }

    fn new() -> Self {
        Self::with(Policy::default(), Ok(available("/var/lib/lxcfs")))
    }
}

/// How many files every runtime lets be mounted.
const MOUNTED: usize = 8;

fn available(dir: &str) -> Available {
    Available {
        dir: PathBuf::from(dir),
        paths: lxcfs_core::inject::mounted_files().collect::<BTreeSet<_>>(),
        propagates: true,
    }
}

fn pod(annotations: &[(&str, &str)]) -> PodSandbox {
    PodSandbox {
        id: "pod".to_owned(),
        name: "shop".to_owned(),
        namespace: "default".to_owned(),
        annotations: annotations
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect::<BTreeMap<_, _>>(),
        ..PodSandbox::default()
    }
}

fn container(id: &str) -> Container {
    Container {
        id: id.to_owned(),
        pod_sandbox_id: "pod".to_owned(),
        name: "web".to_owned(),
        state: RUNNING,
        pid: 4711,
        ..Container::default()
    }
}

fn asked_for(pod: PodSandbox) -> ContainerRequest {
    ContainerRequest {
        pod: Some(pod),
        container: Some(container("c1")),
    }
}

fn asks() -> PodSandbox {
    pod(&[("lxcfs.io/inject", "true")])
}

fn mounts(response: CreateContainerResponse) -> Vec<Mount> {
    response.adjust.unwrap_or_default().mounts
}

#[test]
fn a_plugin_says_who_it_is_and_what_it_wants_to_hear_of() {
    let rig = Rig::new();
    let mut link = rig.runtime.connection();
    let register = link.register().unwrap();
    assert_eq!(
        (register.plugin_name.as_str(), register.plugin_idx.as_str()),
        ("lxcfs", "10")
    );
    // CREATE_CONTAINER is event 4, POST_START_CONTAINER event 7; no bit at all would mean everything.
    assert_eq!(link.configure("containerd"), Ok(0x48));
    assert_eq!(EVENTS, 0x48);
}

#[test]
fn a_container_that_asks_is_created_with_files() {
    let rig = Rig::new();
    let mut link = rig.runtime.plugin();
    let mounts = mounts(link.create(&asked_for(asks())).unwrap());
    let meminfo = mounts
        .iter()
        .find(|mount| mount.destination == "/proc/meminfo")
        .unwrap();
    assert_eq!(meminfo.source, "/var/lib/lxcfs/proc/meminfo");
    assert_eq!(meminfo.options, ["bind", "ro", "nosuid", "nodev", "noexec", "rslave"]);
    assert!(
        mounts
            .iter()
            .any(|mount| mount.destination == "/sys/devices/system/cpu")
    );
    assert!(!mounts.iter().any(|mount| mount.destination.contains("pressure")));
    assert_eq!(rig.plugin.health.counted(Count::Injected), 1);
}

#[test]
fn a_container_that_does_not_ask_is_created_as_it_is() {
    let rig = Rig::new();
    let mut link = rig.runtime.plugin();
    let response = link.create(&asked_for(pod(&[]))).unwrap();
    assert_eq!(response, CreateContainerResponse::default());
    assert_eq!(rig.plugin.health.counted(Count::NotAsked), 1);
}

#[test]
fn docker_is_answered_in_its_own_words() {
    let policy = Policy {
        default: ByDefault::Inject,
        ..Policy::default()
    };
    let rig = Rig::with(policy, Ok(available("/var/lib/lxcfs")));
    let mut link = rig.runtime.connection();
    link.register().unwrap();
    link.configure("docker").unwrap();
    // It tells of no pod.
    let request = ContainerRequest {
        pod: None,
        container: Some(container("c1")),
    };
    let mounts = mounts(link.create(&request).unwrap());
    assert!(!mounts.is_empty());
    assert!(mounts.iter().all(|mount| mount.options == ["ro"]));
}

#[test]
fn an_answer_that_is_longer_than_the_runtime_s_buffer_comes_in_frames_that_fit() {
    let dir = format!("/{}", "long/".repeat(400));
    let rig = Rig::with(Policy::default(), Ok(available(&dir)));
    let mut link = rig.runtime.plugin();
    let response = link.create(&asked_for(asks())).unwrap();
    assert!(response.encoded_len() > 3 * 4096);
    assert_eq!(mounts(response).len(), MOUNTED);
}

#[test]
fn a_runtime_that_sends_a_byte_at_a_time_is_understood() {
    let rig = Rig::new();
    let mut link = rig.runtime.connection();
    link.pieces = 1;
    link.register().unwrap();
    link.configure("containerd").unwrap();
    assert_eq!(mounts(link.create(&asked_for(asks())).unwrap()).len(), MOUNTED);
}

#[test]
fn what_a_newer_runtime_calls_is_refused_as_unknown_and_the_connection_goes_on() {
    let rig = Rig::new();
    let mut link = rig.runtime.plugin();
    for (service, method) in [
        ("nri.pkg.api.v1alpha1.Plugin", "PostUpdatePodSandbox"),
        ("nri.pkg.api.v1alpha1.Plugin", "ValidateContainerAdjustment"),
        ("nri.pkg.api.v1beta1.Plugin", "CreateContainer"),
    ] {
        let status = link.call(service, method, &[]).unwrap().status.unwrap();
        assert_eq!(status.code, code::UNIMPLEMENTED, "{service} {method}");
    }
    assert_eq!(mounts(link.create(&asked_for(asks())).unwrap()).len(), MOUNTED);
}

#[test]
fn fields_that_are_new_are_skipped() {
    let rig = Rig::new();
    let mut link = rig.runtime.plugin();
    let mut bytes = asked_for(asks()).encode_to_vec();
    // Field 1000, a number; field 1001, bytes.
    bytes.extend([0xc0, 0x3e, 5, 0xca, 0x3e, 2, 0xff, 0xff]);
    let response = link
        .call("nri.pkg.api.v1alpha1.Plugin", "CreateContainer", &bytes)
        .unwrap();
    let response = CreateContainerResponse::decode(response.payload.as_slice()).unwrap();
    assert_eq!(mounts(response).len(), MOUNTED);
}

#[test]
fn a_container_that_was_started_is_given_what_could_not_be_mounted() {
    for old in [true, false] {
        let rig = Rig::new();
        let mut link = rig.runtime.plugin();
        let mut request = asked_for(asks());
        let mounted = mounts(link.create(&request).unwrap());
        request.container.as_mut().unwrap().mounts = mounted;
        if old {
            let event = StateChangeEvent {
                event: POST_START_CONTAINER,
                pod: request.pod,
                container: request.container,
            };
            let _: lxcfs_nri::messages::ConfigureResponse = link.well("StateChange", &event).unwrap();
        } else {
            let _: lxcfs_nri::messages::ConfigureResponse = link.well("PostStartContainer", &request).unwrap();
        }
        let given = rig.plugin.given.wait(1);
        let mut paths = given[0].files.clone();
        paths.sort_unstable();
        let refused = ["cpu", "io", "irq", "memory"].map(|name| format!("proc/pressure/{name}"));
        assert_eq!(paths[..4], refused);
        assert_eq!(paths[4..], ["proc/slabinfo"]);
        assert_eq!((given[0].pid, given[0].name.as_str()), (4711, "default/shop/web"));
    }
}

#[test]
fn other_changes_of_state_are_heard_without_a_word() {
    let rig = Rig::new();
    let mut link = rig.runtime.plugin();
    for event in [1, 5, 11, 99] {
        let event = StateChangeEvent {
            event,
            pod: Some(asks()),
            container: Some(container("c1")),
        };
        let _: lxcfs_nri::messages::ConfigureResponse = link.well("StateChange", &event).unwrap();
    }
    // What is told after it is done after it: had the others been work, it would have been done first.
    let event = StateChangeEvent {
        event: POST_START_CONTAINER,
        pod: Some(asks()),
        container: Some(container("c2")),
    };
    let _: lxcfs_nri::messages::ConfigureResponse = link.well("StateChange", &event).unwrap();
    assert_eq!(rig.plugin.given.wait(1)[0].id, "c2");
}

#[test]
fn what_runs_already_is_told_in_parts_and_looked_at_when_all_is_told() {
    let rig = Rig::new();
    let mut link = rig.runtime.plugin();
    let part = |pods, containers, more| SynchronizeRequest { pods, containers, more };
    let stopped = Container {
        state: 4,
        ..container("stopped")
    };
    let of_another = Container {
        pod_sandbox_id: "other".to_owned(),
        ..container("not asked")
    };
    link.synchronize(&part(vec![asks()], vec![], true)).unwrap();
    link.synchronize(&part(vec![], vec![container("c1"), stopped, of_another], true))
        .unwrap();
    link.synchronize(&part(vec![], vec![container("c2")], false)).unwrap();
    let given = rig.plugin.given.wait(2);
    let ids: Vec<_> = given.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["c1", "c2"]);
    assert_eq!(given[0].files.len(), lxcfs_core::inject::mounted_files().count());
}

#[test]
fn a_container_that_cannot_be_understood_is_created_as_it_is() {
    let rig = Rig::new();
    let mut link = rig.runtime.plugin();
    for garbage in [&[0xff; 40][..], &[0x0a, 0x7f, 1], &[0x0a, 2, 0x0a, 0x05]] {
        let response = link
            .call("nri.pkg.api.v1alpha1.Plugin", "CreateContainer", garbage)
            .unwrap();
        // An error would end the container.
        assert_eq!(response.status.unwrap_or_default().code, code::OK);
        assert!(response.payload.is_empty(), "{:?}", response.payload);
    }
    assert_eq!(rig.plugin.health.counted(Count::FailedOpen), 3);
}

#[test]
fn without_a_daemon_containers_are_created_as_they_are() {
    let silent = Unavailable::Silent("/var/lib/lxcfs".to_owned());
    let rig = Rig::with(Policy::default(), Err(silent));
    let mut link = rig.runtime.plugin();
    let response = link.create(&asked_for(asks())).unwrap();
    assert_eq!(response, CreateContainerResponse::default());
    assert_eq!(rig.plugin.health.counted(Count::FailedOpen), 1);
    // Once it runs it is given all of them, or is waited for.
    let _: lxcfs_nri::messages::ConfigureResponse = link.well("PostStartContainer", &asked_for(asks())).unwrap();
    assert_eq!(
        rig.plugin.given.wait(1)[0].files.len(),
        lxcfs_core::inject::mounted_files().count()
    );
}

#[test]
fn virtual_machines_are_left_alone() {
    let policy = Policy {
        skip_runtimes: vec!["kata*".to_owned()],
        ..Policy::default()
    };
    let rig = Rig::with(policy, Ok(available("/var/lib/lxcfs")));
    let mut link = rig.runtime.plugin();
    let pod = PodSandbox {
        runtime_handler: "kata-qemu".to_owned(),
        ..asks()
    };
    assert_eq!(
        link.create(&asked_for(pod)).unwrap(),
        CreateContainerResponse::default()
    );
    assert_eq!(rig.plugin.health.counted(Count::OtherRuntime), 1);
}

#[test]
fn a_runtime_that_comes_back_is_connected_to_again() {
    let rig = Rig::new();
    for _ in 0..3 {
        let mut link = rig.runtime.plugin();
        let everything = SynchronizeRequest {
            pods: vec![asks()],
            containers: vec![container("c1")],
            more: false,
        };
        link.synchronize(&everything).unwrap();
    }
    // What ran all the time is looked at each time: its files may have died meanwhile.
    assert_eq!(rig.plugin.given.wait(3).len(), 3);
    assert_eq!(rig.plugin.health.counted(Count::Connected), 3);
}

#[test]
fn a_runtime_that_refuses_is_asked_again() {
    let rig = Rig::new();
    rig.runtime.connection().refuse("not yet");
    let mut link = rig.runtime.plugin();
    assert_eq!(mounts(link.create(&asked_for(asks())).unwrap()).len(), MOUNTED);
}

#[test]
fn a_runtime_that_is_not_there_yet_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("nri.sock");
    let mut plugin = Plugin::start(&socket, Policy::default(), Ok(available("/var/lib/lxcfs")));
    wait_until("the plugin has tried", || {
        plugin.health.counted(Count::Disconnected) > 1
    });
    let runtime = Runtime::at(&socket);
    let mut link = runtime.plugin();
    assert_eq!(mounts(link.create(&asked_for(asks())).unwrap()).len(), MOUNTED);
    assert!(plugin.ends());
}

#[test]
fn a_runtime_that_speaks_nonsense_is_left_and_connected_to_again() {
    let frame = |connection: u32, bytes: &[u8]| {
        let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        [&connection.to_be_bytes()[..], &length, bytes].concat()
    };
    let nonsense = [
        // A frame as long as no frame is.
        [&[0, 0, 0, 1][..], &[0xff; 4]].concat(),
        // A message as long as no message is.
        frame(1, &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 1, 0]),
        // A message of a kind that there is not.
        frame(1, &[0, 0, 0, 0, 0, 0, 0, 1, 77, 0]),
        // A call that is none.
        frame(1, &[0, 0, 0, 2, 0, 0, 0, 1, 1, 0, 0xff, 0xff]),
        // An answer to what was not asked.
        frame(2, &[0, 0, 0, 0, 0, 0, 0, 9, 2, 0]),
    ];
    let rig = Rig::new();
    for bytes in nonsense {
        let mut link = rig.runtime.plugin();
        link.raw(&bytes);
        assert!(link.is_closed(), "{bytes:?}");
    }
    let mut link = rig.runtime.plugin();
    // Bytes for somebody who is not there are for nobody.
    link.raw(&frame(77, &[1; 100]));
    assert_eq!(mounts(link.create(&asked_for(asks())).unwrap()).len(), MOUNTED);
}

#[test]
fn a_plugin_that_is_told_to_ends_while_it_is_connected_and_while_it_waits() {
    let mut rig = Rig::new();
    let link = rig.runtime.plugin();
    assert!(rig.plugin.ends());
    drop(link);

    let dir = tempfile::tempdir().unwrap();
    let mut alone = Plugin::start(
        &dir.path().join("none"),
        Policy::default(),
        Ok(available("/var/lib/lxcfs")),
    );
    wait_until("the plugin has tried", || alone.health.counted(Count::Disconnected) > 0);
    assert!(alone.ends());
}

#[test]
fn the_runtime_of_these_tests_drops_a_plugin_that_sends_long_frames() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::at(&dir.path().join("nri.sock"));
    let plugin = std::os::unix::net::UnixStream::connect(runtime.socket()).unwrap();
    let mut link: Link = runtime.connection();
    let frame = [&[0, 0, 0, 2, 0, 0, 0x10, 1][..], &[0; 4097]].concat();
    std::io::Write::write_all(&mut &plugin, &frame).unwrap();
    assert_eq!(link.register(), Err(Dropped("a frame of 4097 bytes".to_owned())));
}
