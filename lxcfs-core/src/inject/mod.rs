//! How containers come by the virtual files: which a runtime lets be mounted, and the words by which each is told.
//!
//! Nothing here does I/O or mounts anything: a [`Plan`] goes in, text or JSON comes out.
//!
//! ```
//! use lxcfs_core::inject::{self, Plan};
//!
//! let plan = Plan::new("/var/lib/lxcfs").allowed_by(&["runc@1.1.5".parse().unwrap()]);
//! let flags = inject::docker_flags(&plan);
//! assert!(flags.contains(&"--volume=/var/lib/lxcfs/proc/meminfo:/proc/meminfo:ro,rslave".to_owned()));
//! assert!(!flags.iter().any(|flag| flag.contains("/proc/pressure")), "runc fails a container that asks for it");
//!
//! let mounts = inject::oci_mounts(&plan);
//! let spec = serde_json::to_value(&mounts).unwrap();
//! assert_eq!(spec[0]["destination"], "/proc/cpuinfo");
//! ```

mod allowed;
mod cdi;
mod flags;
mod hook;
mod kubernetes;
mod oci;
mod plan;
mod release;
mod text;

pub use allowed::{ALLOWED, Allowed, AllowedRow, is_allowed};
pub use cdi::{CDI_KIND, cdi};
pub use flags::{compose, docker_flags, podman_flags};
pub use hook::{Hook, When, hooks_d};
pub use kubernetes::{pod_fragment, policy};
pub use oci::{OciMount, oci_mounts};
pub use plan::{Mount, Plan, Propagation, is_named, mounted_files};
pub use release::{ParseReleaseError, Release, Runtime, Version};
pub use text::{MADE_BY, containers_conf, lxc_include};
