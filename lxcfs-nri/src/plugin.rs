//! The calls of the runtime, and our answers to them.
//!
//! An answer that is an error ends a container, so that there is none where a container is created: what is in doubt
//! changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::Message;

use crate::adjustment::{self, Runtime};
use crate::give::{Running, Work};
use crate::health::{Count, Health};
use crate::messages::{
    CREATE_CONTAINER, ConfigureRequest, ConfigureResponse, Container, ContainerAdjustment, ContainerRequest,
    CreateContainerResponse, PLUGIN_SERVICE, POST_START_CONTAINER, PodSandbox, RUNNING, StateChangeEvent,
    SynchronizeRequest, SynchronizeResponse,
};
use crate::policy::{Choice, Policy, Why};
use crate::sources::Sources;
use crate::ttrpc::{Status, code};

/// The events that we want to hear of.
pub const EVENTS: i32 = bit(CREATE_CONTAINER) | bit(POST_START_CONTAINER);

/// How many containers, and how many pods, a runtime can tell of.
const MOST: usize = 65_536;

const fn bit(event: i32) -> i32 {
    1 << event.saturating_sub(1)
}

/// The plugin, for as long as a connection lasts.
pub(crate) struct Plugin<'a> {
    policy: &'a Policy,
    sources: &'a mut dyn Sources,
    work: &'a Work,
    health: &'a Arc<Health>,
    runtime: Runtime,
    configured: bool,
    /// What the runtime has told of what there was before us, until it has told all.
    pods: BTreeMap<String, PodSandbox>,
    containers: Vec<Container>,
}

impl<'a> Plugin<'a> {
    pub(crate) fn new(
        policy: &'a Policy,
        sources: &'a mut dyn Sources,
        work: &'a Work,
        health: &'a Arc<Health>,
    ) -> Self {
        Self {
            policy,
            sources,
            work,
            health,
            runtime: Runtime::default(),
            configured: false,
            pods: BTreeMap::new(),
            containers: Vec::new(),
        }
    }

    /// Whether the runtime has asked what we want.
    pub(crate) fn is_configured(&self) -> bool {
        self.configured
    }

    /// Answers a call.
    pub(crate) fn call(&mut self, service: &str, method: &str, payload: &[u8]) -> Result<Vec<u8>, Status> {
        if service != PLUGIN_SERVICE {
            return Err(unimplemented(service));
        }
        match method {
            "Configure" => Ok(self.configure(&decode(payload)?).encode_to_vec()),
            "Synchronize" => Ok(self.synchronize(decode(payload)?).encode_to_vec()),
            "CreateContainer" => Ok(self.create(payload).encode_to_vec()),
            "PostStartContainer" => {
                let request: ContainerRequest = decode(payload)?;
                self.started(request.pod, request.container);
                Ok(Vec::new())
            }
            "StateChange" => {
                let event: StateChangeEvent = decode(payload)?;
                if event.event == POST_START_CONTAINER {
                    self.started(event.pod, event.container);
                }
                Ok(Vec::new())
            }
            "Shutdown" => {
                tracing::info!("the runtime ends");
                Ok(Vec::new())
            }
            _ => Err(unimplemented(method)),
        }
    }

    fn configure(&mut self, request: &ConfigureRequest) -> ConfigureResponse {
        self.runtime = Runtime::named(&request.runtime_name);
        self.configured = true;
        self.health.count(Count::Connected);
        tracing::info!(
            runtime = request.runtime_name,
            version = request.runtime_version,
            request_timeout_ms = request.request_timeout,
            "plugin of a runtime"
        );
        if !request.config.trim().is_empty() {
            tracing::warn!("the runtime has a configuration for this plugin, which only has options: it is not used");
        }
        ConfigureResponse { events: EVENTS }
    }

    /// Takes in what there is, and has it looked at once it is whole.
    fn synchronize(&mut self, request: SynchronizeRequest) -> SynchronizeResponse {
        for mut pod in request.pods {
            if self.pods.len() < MOST {
                self.pods.insert(std::mem::take(&mut pod.id), pod);
            }
        }
        let running = request.containers.into_iter().filter(|one| one.state == RUNNING);
        let room = MOST.saturating_sub(self.containers.len());
        self.containers.extend(running.take(room));
        if !request.more {
            let (pods, containers) = (std::mem::take(&mut self.pods), std::mem::take(&mut self.containers));
            let all: Vec<_> = containers
                .iter()
                .filter_map(|container| {
                    let nothing = PodSandbox::default();
                    let pod = pods.get(&container.pod_sandbox_id).unwrap_or(&nothing);
                    self.running(pod, container)
                })
                .collect();
            tracing::info!(running = containers.len(), ours = all.len(), "what runs already");
            if !all.is_empty() {
                self.put(all);
            }
        }
        SynchronizeResponse { more: request.more }
    }

    /// Says what a container gets that is about to be created.
    fn create(&mut self, payload: &[u8]) -> CreateContainerResponse {
        let nothing = CreateContainerResponse::default();
        let request = match ContainerRequest::decode(payload) {
            Ok(request) => request,
            Err(error) => {
                self.health.count(Count::FailedOpen);
                tracing::error!(%error, "a container that is created cannot be understood: it gets no files");
                return nothing;
            }
        };
        let (pod, container) = (request.pod.unwrap_or_default(), request.container.unwrap_or_default());
        let name = name_of(&pod, &container);
        let files = match self.choose(&pod, &container) {
            Choice::Give(files) => files,
            Choice::Skip(why) => {
                self.health.count(match why {
                    Why::Runtime => Count::OtherRuntime,
                    Why::Annotation | Why::Default => Count::NotAsked,
                });
                tracing::debug!(id = container.id, name, ?why, "is created without files");
                return nothing;
            }
        };
        match self.sources.look() {
            Ok(available) => {
                let mounts = adjustment::mounts(
                    self.runtime,
                    &pod.runtime_handler,
                    &files,
                    &available,
                    &container.mounts,
                );
                self.health.count(Count::Injected);
                tracing::info!(id = container.id, name, mounts = mounts.len(), "is created with files");
                CreateContainerResponse {
                    adjust: Some(ContainerAdjustment { mounts }),
                }
            }
            Err(error) => {
                self.health.count(Count::FailedOpen);
                tracing::warn!(id = container.id, name, %error, "is created without files");
                nothing
            }
        }
    }

    /// Has a container that was started be given what could not be mounted.
    fn started(&self, pod: Option<PodSandbox>, container: Option<Container>) {
        let (pod, container) = (pod.unwrap_or_default(), container.unwrap_or_default());
        let has = |file: &str| {
            let mut own = container.mounts.iter();
            own.any(|mount| adjustment::is_same(&mount.destination, file))
        };
        if let Some(mut running) = self.running(&pod, &container) {
            running.files.retain(|file| !has(file));
            if !running.files.is_empty() {
                self.put(vec![running]);
            }
        }
    }

    fn running(&self, pod: &PodSandbox, container: &Container) -> Option<Running> {
        let Choice::Give(files) = self.choose(pod, container) else {
            return None;
        };
        let name = name_of(pod, container);
        if container.pid == 0 {
            self.health.count(Count::NotGiven);
            tracing::warn!(id = container.id, name, "the runtime does not tell its first process");
            return None;
        }
        Some(Running {
            id: container.id.clone(),
            name,
            pid: container.pid,
            files,
        })
    }

    fn choose(&self, pod: &PodSandbox, container: &Container) -> Choice {
        let mut odd = Vec::new();
        let choice = self.policy.choose(pod, container, &mut odd);
        for one in odd {
            self.health.count(Count::NotUnderstood);
            let name = name_of(pod, container);
            tracing::warn!(
                name,
                annotation = one.key,
                value = one.value,
                "not understood, and so not followed"
            );
        }
        choice
    }

    fn put(&self, containers: Vec<Running>) {
        if !self.work.put(containers) {
            self.health.count(Count::NotGiven);
            tracing::error!("too much to do: a running container is not given files");
        }
    }
}

fn name_of(pod: &PodSandbox, container: &Container) -> String {
    [&pod.namespace, &pod.name, &container.name]
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join("/")
}

fn decode<M: Message + Default>(payload: &[u8]) -> Result<M, Status> {
    M::decode(payload).map_err(|error| Status {
        code: code::INVALID_ARGUMENT,
        message: error.to_string(),
    })
}

fn unimplemented(what: &str) -> Status {
    Status {
        code: code::UNIMPLEMENTED,
        message: format!("{what}: not implemented"),
    }
}
