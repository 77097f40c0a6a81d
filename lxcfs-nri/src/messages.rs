//! The messages of NRI, with the fields that are used here; others are skipped as they are read.
//!
//! # References
//!
//! `pkg/api/api.proto` of containerd/nri, package `nri.pkg.api.v1alpha1`

use std::collections::BTreeMap;

use prost::Message;

/// The service that a plugin has.
pub const PLUGIN_SERVICE: &str = "nri.pkg.api.v1alpha1.Plugin";
/// The service that a runtime has.
pub const RUNTIME_SERVICE: &str = "nri.pkg.api.v1alpha1.Runtime";

/// The number of the event that a container is about to be created.
pub const CREATE_CONTAINER: i32 = 4;
/// The number of the event that a container has been started.
pub const POST_START_CONTAINER: i32 = 7;
/// The state of a container that runs.
pub const RUNNING: i32 = 3;

/// Who wants to be called.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct RegisterPluginRequest {
    /// The plugin's name.
    #[prost(string, tag = "1")]
    pub plugin_name: String,
    /// Two digits: plugins are called in this order.
    #[prost(string, tag = "2")]
    pub plugin_idx: String,
}

/// Who calls.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ConfigureRequest {
    /// What the node's administrator has written for this plugin.
    #[prost(string, tag = "1")]
    pub config: String,
    /// The runtime, such as `containerd`.
    #[prost(string, tag = "2")]
    pub runtime_name: String,
    /// Its version.
    #[prost(string, tag = "3")]
    pub runtime_version: String,
    /// How long it waits for a plugin to register, in milliseconds.
    #[prost(int64, tag = "4")]
    pub registration_timeout: i64,
    /// How long it waits for an answer, in milliseconds.
    #[prost(int64, tag = "5")]
    pub request_timeout: i64,
}

/// What the plugin wants to hear of.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ConfigureResponse {
    /// A bit for each event: that of event 1 is the lowest. No bit at all means all events.
    #[prost(int32, tag = "2")]
    pub events: i32,
}

/// What there was before the plugin came, or a part of it.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SynchronizeRequest {
    /// Pods.
    #[prost(message, repeated, tag = "1")]
    pub pods: Vec<PodSandbox>,
    /// Containers.
    #[prost(message, repeated, tag = "2")]
    pub containers: Vec<Container>,
    /// More will follow.
    #[prost(bool, tag = "3")]
    pub more: bool,
}

/// That more can follow.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SynchronizeResponse {
    /// As it was asked.
    #[prost(bool, tag = "2")]
    pub more: bool,
}

/// A container and its pod: the argument of `CreateContainer`, `PostStartContainer` and their like.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ContainerRequest {
    /// The pod.
    #[prost(message, optional, tag = "1")]
    pub pod: Option<PodSandbox>,
    /// The container.
    #[prost(message, optional, tag = "2")]
    pub container: Option<Container>,
}

/// How older runtimes tell of events.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct StateChangeEvent {
    /// The number of the event.
    #[prost(int32, tag = "1")]
    pub event: i32,
    /// The pod.
    #[prost(message, optional, tag = "2")]
    pub pod: Option<PodSandbox>,
    /// The container, if it is about one.
    #[prost(message, optional, tag = "3")]
    pub container: Option<Container>,
}

/// What is to be changed in a container that is about to be created.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct CreateContainerResponse {
    /// The change.
    #[prost(message, optional, tag = "1")]
    pub adjust: Option<ContainerAdjustment>,
}

/// A change of a container.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ContainerAdjustment {
    /// Mounts that it gets besides its own.
    #[prost(message, repeated, tag = "3")]
    pub mounts: Vec<Mount>,
}

/// A pod.
///
/// ```
/// use lxcfs_nri::{PodSandbox, policy::INJECT};
///
/// let annotations = [(INJECT.to_owned(), "true".to_owned())].into();
/// let pod = PodSandbox { namespace: "shop".to_owned(), annotations, ..PodSandbox::default() };
/// assert_eq!(pod.annotations[INJECT], "true");
/// ```
#[derive(Clone, PartialEq, Eq, Message)]
pub struct PodSandbox {
    /// The runtime's name for it.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Its name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// The namespace of Kubernetes that it is in.
    #[prost(string, tag = "4")]
    pub namespace: String,
    /// Its annotations.
    #[prost(btree_map = "string, string", tag = "6")]
    pub annotations: BTreeMap<String, String>,
    /// Which of its kinds of containers the runtime uses, such as `kata`.
    #[prost(string, tag = "7")]
    pub runtime_handler: String,
}

/// A container.
///
/// ```
/// use lxcfs_nri::{Container, policy::FILES_OF};
///
/// // Docker has labels where Kubernetes has annotations.
/// let labels = [(FILES_OF.to_owned(), "meminfo,cpuinfo".to_owned())].into();
/// let container = Container { name: "nginx".to_owned(), labels, ..Container::default() };
/// assert!(container.labels.contains_key(FILES_OF));
/// ```
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Container {
    /// The runtime's name for it.
    #[prost(string, tag = "1")]
    pub id: String,
    /// The pod that it is in.
    #[prost(string, tag = "2")]
    pub pod_sandbox_id: String,
    /// Its name in the pod.
    #[prost(string, tag = "3")]
    pub name: String,
    /// What it does, such as [`RUNNING`].
    #[prost(int32, tag = "4")]
    pub state: i32,
    /// Its labels.
    #[prost(btree_map = "string, string", tag = "5")]
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    #[prost(btree_map = "string, string", tag = "6")]
    pub annotations: BTreeMap<String, String>,
    /// Its mounts.
    #[prost(message, repeated, tag = "9")]
    pub mounts: Vec<Mount>,
    /// Its first process, once it runs.
    #[prost(uint32, tag = "12")]
    pub pid: u32,
}

/// A mount of a container.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Mount {
    /// Where in the container.
    #[prost(string, tag = "1")]
    pub destination: String,
    /// The kind of file system, or `bind`.
    #[prost(string, tag = "2")]
    pub r#type: String,
    /// What is mounted.
    #[prost(string, tag = "3")]
    pub source: String,
    /// How.
    #[prost(string, repeated, tag = "4")]
    pub options: Vec<String>,
}
