//! stub
use super::{Kind, VirtualFile};
pub(super) const FILE: VirtualFile = VirtualFile { path: "proc/diskstats", about: "", lines: &[], kind: Kind::File(|_, _| Ok(())) };
