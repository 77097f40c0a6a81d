//! stub
use super::{Kind, VirtualFile};
pub(super) const FILE: VirtualFile = VirtualFile { path: "proc/slabinfo", about: "", lines: &[], kind: Kind::File(|_, _| Ok(())) };
